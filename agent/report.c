#include "report.h"

#include "cara/names.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_SIZE 40
#define SHORT_ID  12

static void set_text(json_t *object, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0')
        json_object_set_new(object, key, json_string(value));
}

void report_set_time(json_t *object, const char *key, int64_t ms)
{
    char out[TIME_SIZE];
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;

    if (ms <= 0)
        return;
    gmtime_r(&seconds, &utc);
    size_t n = strftime(out, sizeof(out), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + n, sizeof(out) - n, ".%03dZ", (int)(ms % 1000));
    set_text(object, key, out);
}

static void describe_container(json_t *out, const Container *container)
{
    bool ended = container->state == CONTAINER_EXITED || container->state == CONTAINER_DEAD;
    char id[SHORT_ID + 1];

    snprintf(id, sizeof(id), "%s", container->id);
    set_text(out, "containerId", id);
    set_text(out, "image", container->image);
    set_text(out, "imageDigest", container->digest);
    set_text(out, "ip", container->ip);
    if (ended)
        json_object_set_new(out, "exitCode", json_integer(container->exit_code));
    if (container->oom)
        json_object_set_new(out, "oomKilled", json_true());
    set_text(out, "health", health_state_word(container->health));
    report_set_time(out, "startedAt", container->started_ms);
    if (ended)
        report_set_time(out, "finishedAt", container->finished_ms);
}

static json_t *describe_service(const Outcome *outcome, const History *history)
{
    const ServiceHistory *remembered = history_find(history, outcome->service->name);
    const Container *shown = outcome->shown;
    json_t *out = json_object();
    const char *message = outcome->message;
    bool pulls = shown == NULL && outcome->pulling;
    char percent[16];

    set_text(out, "name", outcome->service->name);
    set_text(out, "state",
             shown != NULL ? container_state_word(shown->state)
             : pulls       ? "pulling"
                           : "missing");
    if (shown != NULL)
        describe_container(out, shown);
    else
        set_text(out, "image", outcome->service->image);
    if (remembered != NULL && remembered->restarts > 0)
        json_object_set_new(out, "restarts", json_integer(remembered->restarts));
    if (message == NULL && shown != NULL)
        message = shown->error;
    if (message == NULL && pulls && remembered != NULL && remembered->pull == IMAGE_PULLING &&
        remembered->pull_percent >= 0) {
        snprintf(percent, sizeof(percent), "%d %%", remembered->pull_percent);
        message = percent;
    }
    set_text(out, "message", message);
    return out;
}

static json_t *head(const Desired *desired, const char *phase, const char *reason,
                    const char *message)
{
    json_t *out = json_object();

    set_text(out, "project", desired->project);
    json_object_set_new(out, "epoch", json_integer(desired->epoch));
    json_object_set_new(out, "generation", json_integer(desired->generation));
    set_text(out, "phase", phase);
    set_text(out, "reason", reason);
    set_text(out, "message", message);
    return out;
}

void report_build(const Desired *desired, const Plan *plan, const History *history, Report *ret)
{
    if (desired->epoch == 0)
        return; /* nobody asked for this project: nobody is told */
    json_t *object = head(desired, plan->phase, plan->reason, plan->message);
    json_t *services = json_array();

    for (size_t i = 0; i < plan->outcome_count; i++)
        json_array_append_new(services, describe_service(&plan->outcomes[i], history));
    if (plan->outcome_count > 0)
        json_object_set(object, "services", services);
    json_decref(services);
    *ret = (Report){ .project = mem_strdup(desired->project),
                     .phase = plan->phase,
                     .text = json_dumps(object, JSON_COMPACT) };
    json_decref(object);
}

void report_build_failure(const Desired *desired, const char *reason, const char *message,
                          Report *ret)
{
    if (desired->epoch == 0)
        return;
    const char *phase = desired->removed ? PHASE_TERMINATING : PHASE_FAILED;
    json_t *object = head(desired, phase, reason, message);

    *ret = (Report){ .project = mem_strdup(desired->project),
                     .phase = phase,
                     .text = json_dumps(object, JSON_COMPACT) };
    json_decref(object);
}

void report_done(Report *report)
{
    free(report->project);
    free(report->text);
    *report = (Report){ 0 };
}
