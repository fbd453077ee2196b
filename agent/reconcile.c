#include "reconcile.h"

#include "backoff.h"
#include "cara/log.h"
#include "cara/names.h"
#include "clock.h"
#include "execute.h"
#include "ingress_routes.h"
#include "observe.h"

#include <string.h>

#define ROUNDS_MAX       20
#define ENGINE_RETRY_MS  3000
#define REFUSALS_MAX     3 /* what was refused rests by itself; this bounds what follows from it */
#define REFUSED_RETRY_MS 1000

/* What came of the pulls that were under way at the last look. */
static void settle_pulls(const Reconciler *reconciler, const Desired *desired, History *history)
{
    for (size_t i = 0; i < desired->service_count; i++) {
        const DesiredService *service = &desired->services[i];
        ServiceHistory *remembered = history_service(history, service->name, service->config);
        _cleanup_(mem_freep) char *error = NULL;
        _cleanup_(mem_freep) char *message = NULL;
        if (remembered->pull != IMAGE_PULLING)
            continue;
        switch (pulls_result(reconciler->pulls, remembered->pull_ticket, &error)) {
        case PULL_RUNNING:
            remembered->pull_percent = pulls_percent(reconciler->pulls, remembered->pull_ticket);
            break;
        case PULL_DONE:
            remembered->pull = IMAGE_PULLED;
            break;
        case PULL_FAILED:
            message = mem_printf("service \"%s\": %s", service->name, error);
            remembered->pull = IMAGE_UNKNOWN;
            failure_record(&remembered->failure, REASON_IMAGE_PULL_ERROR, message,
                           agent_clock_ms());
            log_warn("image not pulled", "project=%s attempt=%d error=%s", desired->project,
                     remembered->failure.attempts, message);
            break;
        }
    }
}

/* What works now is no longer counted against it. */
static void forget_failures(const Plan *plan, History *history)
{
    for (size_t i = 0; i < plan->outcome_count; i++) {
        const Outcome *outcome = &plan->outcomes[i];
        if (outcome->kind != OUTCOME_READY && outcome->kind != OUTCOME_COMPLETED)
            continue;
        ServiceHistory *remembered =
            history_service(history, outcome->service->name, outcome->service->config);
        failure_clear(&remembered->failure);
        remembered->ran = true;
    }
    if (plan->phase != NULL && strcmp(plan->phase, PHASE_RUNNING) == 0)
        failure_clear(&history->failure);
}

static void engine_failed(const Desired *desired, const Err *err, Reconciled *out)
{
    out->wake_at = agent_clock_ms() + jittered_ms(ENGINE_RETRY_MS);
    if (err->kind ==
        ERR_UNAVAILABLE) /* it says nothing about the project; the node says NotReady */
        return;
    out->tried = true;
    report_build_failure(desired, REASON_INSPECT_ERROR, err->message, &out->report);
}

static void conclude(const Desired *desired, const Plan *plan, History *history, Reconciled *out)
{
    forget_failures(plan, history);
    report_build(desired, plan, history, &out->report);
    if (plan->wake_at < out->wake_at)
        out->wake_at = plan->wake_at;
    out->tried = true;
    out->gone = plan->phase != NULL && strcmp(plan->phase, PHASE_TERMINATED) == 0;
}

void reconcile(const Reconciler *reconciler, const Desired *desired, History *history,
               Reconciled *ret)
{
    Executor executor = { .docker = reconciler->docker,
                          .docker_host = reconciler->docker_host,
                          .pulls = reconciler->pulls,
                          .deaths = reconciler->deaths,
                          .desired = desired,
                          .history = history };
    Reconciled out = { .wake_at = INT64_MAX };
    int refusals = 0;

    history_begin(history, desired->epoch, desired->generation);
    for (int round = 0;; round++) {
        _cleanup_(observed_done) Observed observed = { 0 };
        _cleanup_(plan_done) Plan plan = { 0 };
        Err err = { 0 };
        bool over = refusals == REFUSALS_MAX || round == ROUNDS_MAX;

        settle_pulls(reconciler, desired, history);
        if (observe_project(reconciler->docker, desired->project, &observed, &err) < 0) {
            engine_failed(desired, &err, &out);
            break;
        }
        if (reconciler->deaths != NULL) /* before anything is started again or removed */
            deaths_note(reconciler->deaths, reconciler->docker, desired, &observed);
        plan_make(desired, &observed, history, agent_clock_ms(), &plan);
        ingress_routes_publish(reconciler->ingress, desired, &observed, &plan);
        if (plan.step_count > 0 && plan.phase != NULL) { /* known already, and soon no longer so */
            Report report = { 0 };
            report_build(desired, &plan, history, &report);
            reconciler->tell(reconciler->arg, &report);
        }
        if (plan.step_count > 0 && over)
            out.wake_at = agent_clock_ms() + REFUSED_RETRY_MS;
        if (plan.step_count == 0 || over) {
            conclude(desired, &plan, history, &out);
            break;
        }
        if (round > 0 && reconciler->is_stale(reconciler->arg))
            break; /* whoever asks for something newer asks again */
        refusals += execute_plan(&executor, &plan) < 0;
    }
    *ret = out;
}
