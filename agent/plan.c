/* The project as a whole: what must go, what every service needs; the services are in
 * plan_service.c and what is said about all of it in plan_verdict.c. */
#include "plan.h"

#include "cara/names.h"

#include <stdio.h>
#include <string.h>

void plan_add_step(Plan *plan, Step step)
{
    plan->steps = mem_grow(plan->steps, plan->step_count + 1, sizeof(Step));
    plan->steps[plan->step_count++] = step;
}

void plan_wake_at(Plan *plan, int64_t when_ms)
{
    if (when_ms < plan->wake_at)
        plan->wake_at = when_ms;
}

/* A project re-created under the same name is another project. What carries no uid was made by an
 * agent of another make and is taken over. */
static bool is_others(const char *uid, const Desired *desired)
{
    return uid[0] != '\0' && strcmp(uid, desired->uid) != 0;
}

/* NULL when the spec has none that the engine knows under this name. */
static const DesiredVolume *wanted_volume(const Desired *desired, const char *engine_name)
{
    for (size_t i = 0; i < desired->volume_count; i++) {
        char name[600];
        snprintf(name, sizeof(name), "cara-%s-%s", desired->project, desired->volumes[i].name);
        if (strcmp(name, engine_name) == 0)
            return &desired->volumes[i];
    }
    return NULL;
}

/* Data that lasts goes only with its project: when that is deleted, or when another of the same
 * name shows that it was. A leftover, which has no uid, shows nothing. */
static bool keeps_data(const Desired *desired, const Volume *volume)
{
    const DesiredVolume *wanted = wanted_volume(desired, volume->name);

    if (desired->deleted || (desired->uid[0] != '\0' && is_others(volume->uid, desired)))
        return false;
    return volume->lasting || (wanted != NULL && wanted->lasting);
}

static void remove_volume(Plan *plan, const Volume *volume)
{
    plan_add_step(plan, (Step){ .kind = STEP_REMOVE_VOLUME, .volume = volume->name });
}

static bool has_volume(const Observed *observed, const Desired *desired, const char *volume)
{
    char name[600];

    snprintf(name, sizeof(name), "cara-%s-%s", desired->project, volume);
    for (size_t i = 0; i < observed->volume_count; i++)
        if (strcmp(observed->volumes[i].name, name) == 0 &&
            !is_others(observed->volumes[i].uid, desired))
            return true;
    return false;
}

static void remove_container(Plan *plan, const Desired *desired, const Container *container)
{
    plan_add_step(plan, (Step){ .kind = STEP_REMOVE_CONTAINER,
                                .service = desired_service(desired, container->service),
                                .container = container });
}

static void plan_removed(Plan *plan, const Desired *desired, const Observed *observed)
{
    for (size_t i = 0; i < observed->container_count; i++)
        remove_container(plan, desired, &observed->containers[i]);
    if (observed->has_network)
        plan_add_step(plan, (Step){ .kind = STEP_REMOVE_NETWORK });
    bool kept = false;
    for (size_t i = 0; i < observed->volume_count; i++) {
        if (keeps_data(desired, &observed->volumes[i]))
            kept = true;
        else
            remove_volume(plan, &observed->volumes[i]);
    }
    if (plan->step_count == 0) {
        plan->phase = PHASE_TERMINATED;
        plan->reason = REASON_RESOURCES_REMOVED;
        plan->message = mem_printf("All Docker resources have been removed%s",
                                   kept ? " but volumes of type " VOLUME_LOCAL : "");
    }
}

/* What a deleted project of the same name left, and containers of services that are gone. */
static void plan_leftovers(Plan *plan, const Desired *desired, const Observed *observed)
{
    for (size_t i = 0; i < observed->container_count; i++) {
        const Container *container = &observed->containers[i];
        if (is_others(container->uid, desired) ||
            desired_service(desired, container->service) == NULL)
            remove_container(plan, desired, container);
    }
    for (size_t i = 0; i < observed->volume_count; i++)
        if (is_others(observed->volumes[i].uid, desired))
            remove_volume(plan, &observed->volumes[i]);
}

static void plan_ground(Plan *plan, const Desired *desired, const Observed *observed)
{
    if (!observed->has_network) /* a namesake's will do: nothing is kept in a network */
        plan_add_step(plan, (Step){ .kind = STEP_CREATE_NETWORK });
    for (size_t i = 0; i < desired->volume_count; i++)
        if (!has_volume(observed, desired, desired->volumes[i].name))
            plan_add_step(plan,
                          (Step){ .kind = STEP_CREATE_VOLUME, .create = &desired->volumes[i] });
}

/* Volumes the spec has dropped go only when nothing else is left to do: until then an old container
 * that serves on may be using them. */
static void plan_dropped_volumes(Plan *plan, const Desired *desired, const Observed *observed)
{
    for (size_t i = 0; i < plan->outcome_count; i++)
        if (plan->outcomes[i].kind != OUTCOME_READY && plan->outcomes[i].kind != OUTCOME_COMPLETED)
            return;
    if (plan->step_count > 0)
        return;
    for (size_t i = 0; i < observed->volume_count; i++)
        if (wanted_volume(desired, observed->volumes[i].name) == NULL &&
            !keeps_data(desired, &observed->volumes[i]))
            remove_volume(plan, &observed->volumes[i]);
}

/* Something of the project itself was refused a moment ago: it rests until it is time again. */
static bool rests(Plan *plan, const Desired *desired, const Failure *failure, int64_t now_ms)
{
    if (failure->reason == NULL || now_ms >= failure->retry_at)
        return false;
    plan_wake_at(plan, failure->retry_at);
    plan->phase = desired->removed ? PHASE_TERMINATING : PHASE_FAILED;
    plan->reason = failure->reason;
    plan->message = mem_strdup(failure->message);
    return true;
}

void plan_make(const Desired *desired, const Observed *observed, const History *history,
               int64_t now_ms, Plan *ret)
{
    Plan plan = { .wake_at = INT64_MAX };

    if (desired->removed) {
        plan_removed(&plan, desired, observed);
        if (plan.step_count > 0 && rests(&plan, desired, &history->failure, now_ms))
            plan.step_count = 0;
        *ret = plan;
        return;
    }
    plan_leftovers(&plan, desired, observed);
    plan_ground(&plan, desired, observed);
    bool resting = plan.step_count > 0 && rests(&plan, desired, &history->failure, now_ms);
    for (size_t i = 0; i < desired->service_count; i++)
        plan_service(&plan, &desired->services[i], observed, history, desired->uid, now_ms);
    if (resting) {
        plan.step_count = 0;
    } else {
        plan_dropped_volumes(&plan, desired, observed);
        plan_verdict(&plan);
    }
    *ret = plan;
}

void plan_done(Plan *plan)
{
    for (size_t i = 0; i < plan->outcome_count; i++)
        free(plan->outcomes[i].message);
    free(plan->outcomes);
    free(plan->steps);
    free(plan->message);
    *plan = (Plan){ 0 };
}

const char *step_kind_word(StepKind kind)
{
    static const char *const words[] = {
        [STEP_REMOVE_CONTAINER] = "remove container",
        [STEP_REMOVE_NETWORK] = "remove network",
        [STEP_REMOVE_VOLUME] = "remove volume",
        [STEP_CREATE_NETWORK] = "create network",
        [STEP_CREATE_VOLUME] = "create volume",
        [STEP_PULL] = "pull image",
        [STEP_CREATE] = "create container",
        [STEP_STOP] = "stop container",
        [STEP_START] = "start container",
        [STEP_RENAME] = "rename container",
    };

    return words[kind];
}
