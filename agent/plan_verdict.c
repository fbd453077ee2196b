/* What is said about the project, from what came of its services. */
#include "cara/buf.h"
#include "cara/names.h"
#include "plan.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 4000

/* The first kind that any service has decides; what the original agent looked at first, first. */
static const struct {
    OutcomeKind kind;
    const char *phase;
    const char *reason; /* NULL: the outcome's own */
    const char *lead;   /* before the list of services; NULL: the outcomes' own messages */
} verdicts[] = {
    { OUTCOME_CRASHED, PHASE_FAILED, REASON_CONTAINER_CRASHED, "Containers crashed: " },
    { OUTCOME_FAILED, PHASE_FAILED, NULL, NULL },
    { OUTCOME_UNHEALTHY, PHASE_FAILED, REASON_UNHEALTHY, "Unhealthy containers: " },
    { OUTCOME_EXITED, PHASE_FAILED, REASON_CONTAINER_EXITED, "Containers exited cleanly: " },
    { OUTCOME_PROGRESSING, NULL, NULL, NULL },
    { OUTCOME_UPDATING, NULL, NULL, NULL },
    { OUTCOME_UPDATE_FAILED, PHASE_RUNNING, REASON_UPDATE_FAILED, NULL },
};

static void add_outcome(Buf *message, const Outcome *outcome, bool own_words)
{
    if (own_words) {
        buf_printf(message, "%s%s", message->len > 0 ? "; " : "", outcome->message);
        return;
    }
    buf_printf(message, "%s", outcome->service->name);
    if (outcome->kind != OUTCOME_UNHEALTHY && outcome->kind != OUTCOME_COMPLETED &&
        outcome->shown != NULL)
        buf_printf(message, "(exit=%d)", outcome->shown->exit_code);
}

static char *list_outcomes(const Plan *plan, OutcomeKind kind, const char *lead)
{
    Buf message;
    bool first = true;

    buf_init(&message, MESSAGE_MAX);
    if (lead != NULL)
        buf_add_str(&message, lead);
    for (size_t i = 0; i < plan->outcome_count; i++) {
        if (plan->outcomes[i].kind != kind)
            continue;
        if (lead != NULL && !first)
            buf_add_str(&message, ", ");
        add_outcome(&message, &plan->outcomes[i], lead == NULL);
        first = false;
    }
    return buf_take(&message);
}

static const Outcome *first_of(const Plan *plan, OutcomeKind kind)
{
    for (size_t i = 0; i < plan->outcome_count; i++)
        if (plan->outcomes[i].kind == kind)
            return &plan->outcomes[i];
    return NULL;
}

/* Containers that someone else removed come back in the same breath; that it happened is said all
 * the same, or nobody would know. */
static void tell_missing(Plan *plan)
{
    Buf message;
    size_t missing = 0;

    buf_init(&message, MESSAGE_MAX);
    buf_add_str(&message, "Missing containers for services: ");
    for (size_t i = 0; i < plan->outcome_count; i++)
        if (plan->outcomes[i].missing)
            buf_printf(&message, "%s%s", missing++ > 0 ? ", " : "",
                       plan->outcomes[i].service->name);
    buf_printf(&message, " (expected %zu, found %zu)", plan->outcome_count,
               plan->outcome_count - missing);
    if (missing > 0) {
        plan->phase = PHASE_FAILED;
        plan->reason = REASON_CONTAINER_MISSING;
        plan->message = buf_take(&message);
    }
    buf_done(&message);
}

/* Each service runs, or has run and is not to run again. */
static void tell_running(Plan *plan)
{
    size_t completed = 0;

    for (size_t i = 0; i < plan->outcome_count; i++)
        completed += plan->outcomes[i].kind == OUTCOME_COMPLETED;
    plan->phase = PHASE_RUNNING;
    plan->reason = REASON_CONTAINERS_RUNNING;
    if (completed == 0) {
        plan->message = mem_strdup("All containers running");
    } else if (completed < plan->outcome_count) {
        plan->message =
            list_outcomes(plan, OUTCOME_COMPLETED, "All other containers running; completed: ");
    } else {
        plan->reason = REASON_COMPLETED;
        plan->message = mem_strdup("All containers completed");
    }
}

void plan_verdict(Plan *plan)
{
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        const Outcome *first = first_of(plan, verdicts[i].kind);
        if (first == NULL)
            continue;
        if (verdicts[i].phase == NULL) {
            tell_missing(plan);
            return;
        }
        plan->phase = verdicts[i].phase;
        plan->reason = verdicts[i].reason != NULL ? verdicts[i].reason : first->reason;
        plan->message = list_outcomes(plan, verdicts[i].kind, verdicts[i].lead);
        return;
    }
    if (plan->step_count == 0)
        tell_running(plan);
}
