#include "execute.h"

#include "clock.h"
#include "demand.h"
#include "facts.h"

#include "cara/log.h"
#include "cara/names.h"
#include "cara/time.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE      700
#define PARALLEL_STOPS 16

/* ---- what things are called and labelled
 * ------------------------------------------------------------- */

static void container_name(const Executor *executor, const Step *step, bool next,
                           char out[static NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "%s-%s%s", executor->desired->project, step->service->name,
             next ? NEXT_SUFFIX : "");
}

static void network_name(const Executor *executor, char out[static NAME_SIZE])
{
    snprintf(out, NAME_SIZE, NETWORK_PREFIX "%s", executor->desired->project);
}

static json_t *common_labels(const Desired *desired)
{
    return json_pack("{s:s, s:s}", LABEL_PROJECT, desired->project, LABEL_UID, desired->uid);
}

static json_t *container_labels(const Desired *desired, const DesiredService *service)
{
    json_t *labels = common_labels(desired);

    json_object_set_new(labels, LABEL_SERVICE, json_string(service->name));
    json_object_set_new(labels, LABEL_CONFIG, json_string(service->config));
    json_object_set_new(labels, LABEL_EPOCH, json_sprintf("%" PRId64, desired->epoch));
    json_object_set_new(labels, LABEL_GENERATION, json_sprintf("%" PRId64, desired->generation));
    return labels;
}

static json_t *create_body(const Executor *executor, const DesiredService *service)
{
    char network[NAME_SIZE];
    json_t *body = json_deep_copy(service->engine);

    network_name(executor, network);
    json_object_set_new(body, "Labels", container_labels(executor->desired, service));
    /* for when the engine itself shuts down; our own stops say how long they wait */
    json_object_set_new(body, "StopTimeout", json_integer((service->grace_ms + 999) / 1000));
    json_object_set_new(json_object_get(body, "HostConfig"), "NetworkMode", json_string(network));
    demand_fit(json_object_get(body, "HostConfig"), facts_cpus());
    json_object_set_new(
        body, "NetworkingConfig",
        json_pack("{s:{s:{s:[s]}}}", "EndpointsConfig", network, "Aliases", service->name));
    return body;
}

/* ---- the steps
 * ---------------------------------------------------------------------------------------- */

static ServiceHistory *remembered(const Executor *executor, const Step *step)
{
    return history_service(executor->history, step->service->name, step->service->config);
}

static int create_network(const Executor *executor, const Step *step, Err *err)
{
    char name[NAME_SIZE];
    json_t *labels = common_labels(executor->desired);

    (void)step;
    network_name(executor, name);
    int rc = docker_create_network(executor->docker, name, labels, err);
    json_decref(labels);
    return rc;
}

static int remove_network(const Executor *executor, const Step *step, Err *err)
{
    char name[NAME_SIZE];

    (void)step;
    network_name(executor, name);
    return docker_remove_network(executor->docker, name, err);
}

static int create_volume(const Executor *executor, const Step *step, Err *err)
{
    char name[NAME_SIZE];
    json_t *labels = common_labels(executor->desired);

    snprintf(name, sizeof(name), "cara-%s-%s", executor->desired->project, step->create->name);
    json_object_set_new(labels, LABEL_VOLUME, json_string(step->create->name));
    if (step->create->lasting)
        json_object_set_new(labels, LABEL_VOLUME_TYPE, json_string(VOLUME_LOCAL));
    int rc = docker_create_volume(executor->docker, name, labels, err);
    json_decref(labels);
    return rc;
}

static int remove_volume(const Executor *executor, const Step *step, Err *err)
{
    return docker_remove_volume(executor->docker, step->volume, err);
}

static int start_pull(const Executor *executor, const Step *step, Err *err)
{
    ServiceHistory *history = remembered(executor, step);

    (void)err;
    history->pull_ticket =
        pulls_start(executor->pulls, step->service->image, executor->desired->project);
    history->pull = IMAGE_PULLING;
    history->pull_percent = -1;
    return 0;
}

static int create_container(const Executor *executor, const Step *step, Err *err)
{
    char name[NAME_SIZE];
    json_t *body = create_body(executor, step->service);

    container_name(executor, step, step->next, name);
    int rc = docker_create_container(executor->docker, name, body, err);
    json_decref(body);
    ServiceHistory *history = remembered(executor, step);
    if (rc == 0 || (err->kind != ERR_NOT_FOUND && history->pull == IMAGE_MISSING))
        history->pull = IMAGE_UNKNOWN;
    if (rc < 0 &&
        err->kind == ERR_NOT_FOUND) { /* of all a body names, only the image must be there */
        history->pull = IMAGE_MISSING;
        if (step->service->pull == PULL_NEVER)
            err_set(err, ERR_ENGINE,
                    "image \"%s\" is not on this node and imagePullPolicy is Never: "
                    "load it there, or allow it to be pulled",
                    step->service->image);
    }
    return rc;
}

static void count_restart(const Executor *executor, const Step *step)
{
    ServiceHistory *history = remembered(executor, step);

    if (step->container->finished_ms - step->container->started_ms >= BACKOFF_RESET_MS)
        history->crashes = 0;
    history->crashes++;
    history->restarts++;
}

static int start_container(const Executor *executor, const Step *step, Err *err)
{
    char name[NAME_SIZE];

    if (step->container == NULL) {
        container_name(executor, step, step->next, name);
        return docker_start_container(executor->docker, name, err);
    }
    int rc = docker_start_container(executor->docker, step->container->id, err);
    if (rc == 0 && step->restart)
        count_restart(executor, step);
    return rc;
}

static int64_t grace_of(const Step *step)
{
    return step->service != NULL ? step->service->grace_ms : DEFAULT_GRACE_MS;
}

static bool needs_stop(const Container *container)
{
    return container->state == CONTAINER_RUNNING || container->state == CONTAINER_PAUSED ||
           container->state == CONTAINER_RESTARTING;
}

static void note_stopped(const Executor *executor, const Container *container)
{
    if (executor->deaths != NULL)
        deaths_note_stopped(executor->deaths, executor->docker, executor->desired, container);
}

static int stop_container(const Executor *executor, const Step *step, Err *err)
{
    int rc = docker_stop_container(executor->docker, step->container->id, grace_of(step), err);

    if (rc == 0)
        note_stopped(executor, step->container);
    return rc;
}

static int remove_container(const Executor *executor, const Step *step, Err *err)
{
    return docker_remove_container(executor->docker, step->container->id, err);
}

static int rename_container(const Executor *executor, const Step *step, Err *err)
{
    char name[NAME_SIZE];

    container_name(executor, step, false, name);
    return docker_rename_container(executor->docker, step->container->id, name, err);
}

static int (*const actions[])(const Executor *, const Step *, Err *) = {
    [STEP_REMOVE_CONTAINER] = remove_container,
    [STEP_REMOVE_NETWORK] = remove_network,
    [STEP_REMOVE_VOLUME] = remove_volume,
    [STEP_CREATE_NETWORK] = create_network,
    [STEP_CREATE_VOLUME] = create_volume,
    [STEP_PULL] = start_pull,
    [STEP_CREATE] = create_container,
    [STEP_STOP] = stop_container,
    [STEP_START] = start_container,
    [STEP_RENAME] = rename_container,
};

/* ---- stopping side by side
 * --------------------------------------------------------------------------- */

typedef struct Stopping {
    const Executor *executor;
    const Step *step;
    pthread_t thread;
} Stopping;

static void *stop_thread(void *arg)
{
    Stopping *stopping = arg;
    _cleanup_(docker_freep) Docker *docker = NULL;

    /* What could not be stopped is killed as it is removed; that removal reports the failure. */
    if (docker_new(stopping->executor->docker_host, &docker, NULL) == 0)
        docker_stop_container(docker, stopping->step->container->id, grace_of(stopping->step),
                              NULL);
    return NULL;
}

/* The containers of a run of removals get their grace all at once, not one after another. */
static void stop_together(const Executor *executor, const Step *steps, size_t count)
{
    Stopping all[PARALLEL_STOPS];
    size_t started = 0;

    for (size_t i = 0; i < count; i++) {
        if (!needs_stop(steps[i].container))
            continue;
        bool last = i + 1 == count;
        all[started] = (Stopping){ .executor = executor, .step = &steps[i] };
        if ((last && started == 0) || started + 1 == PARALLEL_STOPS ||
            pthread_create(&all[started].thread, NULL, stop_thread, &all[started]) != 0)
            stop_container(executor, &steps[i], NULL);
        else
            started++;
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(all[i].thread, NULL);
        note_stopped(executor, all[i].step->container);
    }
}

static size_t run_of_removals(const Plan *plan, size_t from)
{
    size_t count = 0;

    while (from + count < plan->step_count &&
           plan->steps[from + count].kind == STEP_REMOVE_CONTAINER)
        count++;
    return count;
}

/* ---- the plan
 * ----------------------------------------------------------------------------------------- */

static void record_failure(const Executor *executor, const Step *step, const Err *err)
{
    bool removed = executor->desired->removed;
    Failure *failure = !removed && step->service != NULL ? &remembered(executor, step)->failure
                                                         : &executor->history->failure;
    bool image = step->kind == STEP_CREATE && step->service != NULL &&
                 remembered(executor, step)->pull == IMAGE_MISSING;

    failure_record(failure,
                   removed ? REASON_REMOVE_ERROR
                   : image ? REASON_IMAGE_PULL_ERROR
                           : REASON_RECONCILE_ERROR,
                   err->message, agent_clock_ms());
    log_warn("step refused", "project=%s step=%s attempt=%d error=%s", executor->desired->project,
             step_kind_word(step->kind), failure->attempts, err->message);
}

static int execute_step(const Executor *executor, const Step *step)
{
    Err err = { 0 };
    int64_t began = time_monotonic_ms();

    if (actions[step->kind](executor, step, &err) == 0) {
        log_debug("step done", "project=%s step=%s service=%s ms=%" PRId64,
                  executor->desired->project, step_kind_word(step->kind),
                  step->service != NULL ? step->service->name : "-", time_monotonic_ms() - began);
        return 0;
    }
    if (err.kind == ERR_UNAVAILABLE)
        return -1; /* the engine is away: nothing was refused, and whoever looks next says so */
    if (step->kind == STEP_CREATE && err.kind == ERR_NOT_FOUND)
        return 1; /* the image is not there: the next plan has it pulled */
    if (step->service != NULL)
        err_prefix(&err, "service \"%s\"", step->service->name);
    record_failure(executor, step, &err);
    return -1;
}

int execute_plan(const Executor *executor, const Plan *plan)
{
    size_t stopped = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const Step *step = &plan->steps[i];
        if (step->kind == STEP_REMOVE_CONTAINER && i >= stopped) {
            size_t count = run_of_removals(plan, i);
            stop_together(executor, step, count);
            stopped = i + count;
        }
        int rc = execute_step(executor, step);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    return 0;
}
