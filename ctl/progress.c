#include "progress.h"

#include "cara/mem.h"
#include "cara/names.h"
#include "condition.h"
#include "json_at.h"
#include "print.h"

#include <inttypes.h>
#include <string.h>

#define CRASHES_MAX                                                                                \
    3 /* restarts after which it is said to have failed, though its agent goes on                  \
       */

/* Reasons of Failed that trying again does not mend by itself. */
static const char *const final_reasons[] = { REASON_IMAGE_PULL_ERROR, REASON_CONTAINER_EXITED };

static bool is(const json_t *object, const char *path, const char *word)
{
    return strcmp(json_text_at(object, path), word) == 0;
}

static bool is_current(const json_t *project, int64_t generation)
{
    return json_int_at(project, "status.observedGeneration") >= generation;
}

static int64_t most_restarts(const json_t *project)
{
    int64_t most = 0;
    size_t i;
    json_t *service;

    json_array_foreach (json_at(project, "status.services"), i, service) {
        int64_t restarts = json_int_at(service, "restarts");
        most = restarts > most ? restarts : most;
    }
    return most;
}

/* It ended badly, and is not to run again. */
static bool is_over(const json_t *project, const json_t *state)
{
    size_t i;
    json_t *service;

    if (!is(state, "state", "exited") || json_int_at(state, "exitCode") == 0)
        return false;
    json_array_foreach (json_at(project, "spec.services"), i, service)
        if (is(service, "name", json_text_at(state, "name")))
            return is(service, "restartPolicy", "Never");
    return false;
}

static bool is_any_over(const json_t *project)
{
    size_t i;
    json_t *state;

    json_array_foreach (json_at(project, "status.services"), i, state)
        if (is_over(project, state))
            return true;
    return false;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void add_reason(const json_t *condition, Buf *out)
{
    const char *message = json_text_at(condition, "message");

    print_clean(json_text_at(condition, "reason"), out);
    buf_add_str(out, *message != '\0' ? ": " : "");
    print_clean(message, out);
}

/* "pulling nginx:1 43 %, redis:7"; false when nothing is pulled. */
static bool add_pulls(const json_t *project, bool with_percent, Buf *out)
{
    size_t count = 0;
    size_t i;
    json_t *service;

    json_array_foreach (json_at(project, "status.services"), i, service) {
        if (!is(service, "state", "pulling"))
            continue;
        const char *message = json_text_at(service, "message");
        buf_add_str(out, count++ > 0 ? ", " : "pulling ");
        print_clean(json_text_at(service, "image"), out);
        if (with_percent && *message != '\0') {
            buf_add_str(out, " ");
            print_clean(message, out);
        }
    }
    return count > 0;
}

static void add_node(const json_t *project, Buf *out)
{
    const char *node = json_text_at(project, "status.nodeRef");

    buf_add_str(out, *node != '\0' ? " on " : "");
    print_clean(node, out);
}

/* "starting on n1, 1 of 2 run", "running on n1, db not yet healthy" */
static void add_starts(const json_t *project, Buf *out)
{
    const json_t *services = json_at(project, "status.services");
    size_t total = json_array_size(json_at(project, "spec.services"));
    size_t run = 0;
    size_t unhealthy = 0;
    size_t healthy = 0;
    const char *name = "";
    size_t i;
    json_t *service;

    json_array_foreach (services, i, service) {
        const char *health = json_text_at(service, "health");
        bool waits = *health != '\0' && strcmp(health, "healthy") != 0;
        run += is(service, "state", "running");
        healthy += strcmp(health, "healthy") == 0;
        unhealthy += waits;
        name = waits ? json_text_at(service, "name") : name;
    }
    buf_add_str(out, run < total                     ? "starting"
                     : unhealthy == 0 && healthy > 0 ? "healthy"
                                                     : "running");
    add_node(project, out);
    if (run < total && total > 1)
        buf_printf(out, ", %zu of %zu run", run, total);
    if (run == total && unhealthy == 1) {
        buf_add_str(out, ", ");
        print_clean(name, out);
        buf_add_str(out, " not yet healthy");
    } else if (run == total && unhealthy > 1) {
        buf_printf(out, ", %zu services not yet healthy", unhealthy);
    }
}

static void add_steps(const json_t *project, bool with_percent, Buf *out)
{
    bool updates = is(project, "status.phase", PHASE_RUNNING);
    bool has_services = json_array_size(json_at(project, "status.services")) > 0;

    if (!add_pulls(project, with_percent, out)) {
        if (!updates && has_services) {
            add_starts(project, out);
            return;
        }
        buf_add_str(out, updates ? "updating" : "placed");
    }
    add_node(project, out);
}

/* ---- judging --------------------------------------------------------------------------------- */

static Progress judge_failed(const json_t *project, const json_t *condition, Buf *out)
{
    const char *reason = json_text_at(condition, "reason");
    bool crashed = strcmp(reason, REASON_CONTAINER_CRASHED) == 0;
    bool final = crashed && (most_restarts(project) >= CRASHES_MAX || is_any_over(project));

    for (size_t i = 0; i < ARRAY_LEN(final_reasons); i++)
        final = final || strcmp(reason, final_reasons[i]) == 0;
    if (*reason != '\0')
        add_reason(condition, out);
    else
        buf_add_str(out, PHASE_FAILED);
    add_node(project, out);
    return final ? PROGRESS_FAILED : PROGRESS_ON;
}

static Progress judge_pending(const json_t *condition, Buf *out)
{
    const char *message = json_text_at(condition, "message");

    buf_add_str(out, *message != '\0' ? "waits: " : "waits for a node");
    print_clean(message, out);
    return PROGRESS_ON;
}

Progress progress_of(const json_t *project, int64_t generation, bool with_percent, Buf *out)
{
    const json_t *condition = condition_of(project, "Phase"); /* what is said with it */
    const char *phase = json_text_at(project, "status.phase");

    if (strcmp(phase, PHASE_TERMINATING) == 0 || strcmp(phase, PHASE_TERMINATED) == 0) {
        buf_add_str(out, "is being deleted");
        return PROGRESS_FAILED;
    }
    if (strcmp(phase, PHASE_PENDING) == 0)
        return judge_pending(condition, out);
    if (is_current(project, generation) && strcmp(phase, PHASE_FAILED) == 0)
        return judge_failed(project, condition, out);
    if (is_current(project, generation) && strcmp(phase, PHASE_RUNNING) == 0) {
        if (is(condition, "reason", REASON_UPDATE_FAILED)) {
            add_reason(condition, out);
            return PROGRESS_FAILED;
        }
        buf_add_str(out, is(condition, "reason", REASON_COMPLETED) ? "completed" : PHASE_RUNNING);
        add_node(project, out);
        return PROGRESS_DONE;
    }
    add_steps(project, with_percent, out);
    return PROGRESS_ON;
}

void progress_add_duration(int64_t ms, Buf *out)
{
    if (ms < 60000)
        buf_printf(out, "%" PRId64 ".%" PRId64 "s", ms / 1000, ms % 1000 / 100);
    else
        buf_printf(out, "%" PRId64 "m%" PRId64 "s", ms / 60000, ms / 1000 % 60);
}
