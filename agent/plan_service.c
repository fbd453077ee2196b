/* One service: its container is created, started, restarted after a crash, or replaced in place.
 *
 * "Current" is the container made from the wanted config, "old" one made from an earlier config. An
 * old one is kept until the current one is good; a current one that failed is kept as evidence (so
 * that an agent that restarts does not try again what failed, and its log can be read). */
#include "cara/names.h"
#include "plan.h"

#include <string.h>

#define LOOK_AGAIN_MS 300

typedef struct Slots {
    const Container *current;
    const Container *old;
    bool removing; /* one of them is on its way out: its name is not free yet */
} Slots;

/* What the decisions about one service need. */
typedef struct Context {
    Plan *plan;
    const DesiredService *service;
    const ServiceHistory *history; /* NULL: nothing remembered of this config */
    bool pending;                  /* a failure rests until its time */
    bool has_network;
    int64_t now_ms;
    Outcome out;
} Context;

static bool is_up(const Container *container)
{
    return container->state == CONTAINER_RUNNING || container->state == CONTAINER_PAUSED;
}

static bool is_next(const Container *container)
{
    size_t len = strlen(container->name);
    size_t suffix = strlen(NEXT_SUFFIX);

    return len > suffix && strcmp(container->name + len - suffix, NEXT_SUFFIX) == 0;
}

static int rank(const Container *container)
{
    int state = is_up(container) ? 4 : container->state == CONTAINER_EXITED ? 2 : 0;

    return state + (is_next(container) ? 0 : 1);
}

/* Old ones that can serve again are worth keeping; others are not. */
static bool is_junk_when_old(const Container *container)
{
    return container->state == CONTAINER_CREATED || container->state == CONTAINER_DEAD;
}

static void remove_container(Context *c, const Container *container)
{
    plan_add_step(
        c->plan,
        (Step){ .kind = STEP_REMOVE_CONTAINER, .service = c->service, .container = container });
}

/* Puts the better of two into the slot and removes the other. */
static void take_better(Context *c, const Container **slot, const Container *candidate)
{
    const Container *worse = candidate;

    if (*slot == NULL || rank(candidate) > rank(*slot)) {
        worse = *slot;
        *slot = candidate;
    }
    if (worse != NULL)
        remove_container(c, worse);
}

static Slots find_slots(Context *c, const Observed *observed, const char *uid)
{
    Slots slots = { 0 };

    for (size_t i = 0; i < observed->container_count; i++) {
        const Container *container = &observed->containers[i];
        bool others = container->uid[0] != '\0' && strcmp(container->uid, uid) != 0;
        if (others || strcmp(container->service, c->service->name) != 0)
            continue;
        if (container->state == CONTAINER_REMOVING)
            slots.removing = true;
        else if (strcmp(container->config, c->service->config) == 0)
            take_better(c, &slots.current, container);
        else if (is_junk_when_old(container))
            remove_container(c, container);
        else
            take_better(c, &slots.old, container);
    }
    return slots;
}

/* Exited 0, and its policy does not ask for another run. */
static bool is_completed(const Context *c, const Container *container)
{
    return container->state == CONTAINER_EXITED && container->exit_code == 0 &&
           c->service->restart != RESTART_ALWAYS;
}

static int64_t restart_at(const Context *c, const Container *container)
{
    int crashes = c->history != NULL ? c->history->crashes : 0;

    if (container->finished_ms - container->started_ms >= BACKOFF_RESET_MS)
        crashes = 0;
    return container->finished_ms + backoff_delay_ms(crashes);
}

static void start(Context *c, const Container *container, bool restart)
{
    if (!c->has_network) { /* it would look for the network it was created in: make another */
        remove_container(c, container);
        return;
    }
    plan_add_step(c->plan, (Step){ .kind = STEP_START,
                                   .service = c->service,
                                   .container = container,
                                   .restart = restart });
}

static void rename_if_next(Context *c, const Container *container)
{
    if (is_next(container))
        plan_add_step(c->plan,
                      (Step){ .kind = STEP_RENAME, .service = c->service, .container = container });
}

static void fail(Context *c, OutcomeKind kind)
{
    const Failure *failure = &c->history->failure;

    c->out.kind = kind;
    c->out.reason = failure->reason;
    c->out.message =
        kind == OUTCOME_UPDATE_FAILED
            ? mem_printf("service \"%s\": update failed: %s; the old container keeps running",
                         c->service->name, failure->message)
            : mem_strdup(failure->message);
}

/* The image first, as the pull policy says; true when the container can be created now. */
static bool image_is_settled(Context *c)
{
    PullState pull = c->history != NULL ? c->history->pull : IMAGE_UNKNOWN;
    bool wanted = (c->service->pull == PULL_ALWAYS && pull != IMAGE_PULLED) ||
                  (c->service->pull == PULL_IF_NOT_PRESENT && pull == IMAGE_MISSING);

    if (pull != IMAGE_PULLING && !wanted)
        return true;
    c->out.pulling = true;
    if (pull != IMAGE_PULLING)
        plan_add_step(c->plan, (Step){ .kind = STEP_PULL, .service = c->service });
    return false;
}

static void create(Context *c, bool next)
{
    plan_add_step(c->plan, (Step){ .kind = STEP_CREATE, .service = c->service, .next = next });
}

static void start_created(Context *c, bool next)
{
    plan_add_step(c->plan, (Step){ .kind = STEP_START, .service = c->service, .next = next });
}

static void exited(Context *c, const Container *container)
{
    c->out.kind = container->exit_code == 0 ? OUTCOME_EXITED : OUTCOME_CRASHED;
    if (c->service->restart == RESTART_NEVER)
        return;
    if (c->pending) {
        fail(c, OUTCOME_FAILED);
        return;
    }
    int64_t at = restart_at(c, container);
    if (c->now_ms < at) {
        plan_wake_at(c->plan, at);
        return;
    }
    start(c, container, true);
    c->out.kind = OUTCOME_PROGRESSING;
}

static OutcomeKind running_outcome(const Context *c, const Container *container)
{
    if (!c->service->has_health || container->health == HEALTH_HEALTHY)
        return OUTCOME_READY;
    return container->health == HEALTH_UNHEALTHY ? OUTCOME_UNHEALTHY : OUTCOME_PROGRESSING;
}

/* The only container of its service, or none yet. */
static void plan_single(Context *c, const Container *current)
{
    c->out.kind = OUTCOME_PROGRESSING;
    c->out.shown = current;
    if (current == NULL) {
        if (c->pending) {
            fail(c, OUTCOME_FAILED);
        } else if (image_is_settled(c)) {
            create(c, false);
            start_created(c, false);
        }
        return;
    }
    if (current->state != CONTAINER_DEAD)
        rename_if_next(c, current);
    if (is_up(current))
        c->out.kind = running_outcome(c, current);
    else if (is_completed(c, current))
        c->out.kind = OUTCOME_COMPLETED;
    else if (current->state == CONTAINER_EXITED)
        exited(c, current);
    else if (current->state == CONTAINER_RESTARTING)
        plan_wake_at(c->plan, c->now_ms + LOOK_AGAIN_MS);
    else if (c->pending)
        fail(c, OUTCOME_FAILED);
    else if (current->state == CONTAINER_DEAD)
        remove_container(c, current);
    else
        start(c, current, false);
}

/* The old one has to serve (again) because the new one cannot. */
static void keep_old(Context *c, const Slots *slots)
{
    const Container *old = slots->old;
    /* it ended after the current one was made and has not run since: we stopped it to make way */
    bool roll_back = c->service->exclusive && slots->current != NULL &&
                     old->started_ms < slots->current->created_ms &&
                     old->finished_ms >= slots->current->created_ms;

    c->out.shown = old;
    if (is_up(old) || is_completed(c, old))
        return;
    c->out.kind = OUTCOME_CRASHED;
    if (c->service->restart == RESTART_NEVER && !roll_back)
        return;
    int64_t at = roll_back ? c->now_ms : restart_at(c, old);
    if (old->error[0] != '\0' && c->pending)
        at = c->history->failure.retry_at; /* the engine refused to start it a moment ago */
    if (c->now_ms < at) {
        plan_wake_at(c->plan, at);
        return;
    }
    start(c, old, !roll_back);
    c->out.kind = OUTCOME_PROGRESSING;
}

/* The update failed, and how is remembered: it rests, the old one serves. */
static void update_rests(Context *c, const Slots *slots)
{
    fail(c, OUTCOME_UPDATE_FAILED);
    keep_old(c, slots);
}

/* The engine refused to start the new container, or it ended, or it was stopped as it never became
 * healthy: all of that can be seen on it, without anything being remembered. */
static void update_failed(Context *c, const Slots *slots)
{
    const Container *current = slots->current;
    const char *how = current->health == HEALTH_UNHEALTHY ? "did not become healthy" : "ended";
    _cleanup_(mem_freep) char *why =
        current->error[0] != '\0'
            ? mem_strdup(current->error)
            : mem_printf("the new container %s (exit=%d)", how, current->exit_code);

    c->out.kind = OUTCOME_UPDATE_FAILED;
    c->out.message =
        mem_printf("service \"%s\": update failed: %s; the old container keeps running",
                   c->service->name, why);
    keep_old(c, slots);
    /* Another try would take volumes and ports from the old one: that is for a new generation to
     * ask. */
    if (c->service->exclusive || c->service->restart == RESTART_NEVER || c->pending)
        return;
    int64_t at = restart_at(c, current);
    if (c->now_ms >= at)
        start(c, current, true);
    else
        plan_wake_at(c->plan, at);
}

static void finish_update(Context *c, const Slots *slots)
{
    remove_container(c, slots->old);
    rename_if_next(c, slots->current);
}

/* The new container runs beside the old one: is it good? */
static void gate(Context *c, const Slots *slots)
{
    const Container *current = slots->current;
    int64_t settled_at = current->started_ms + UPDATE_SETTLE_MS;

    if (c->service->has_health && current->health == HEALTH_UNHEALTHY)
        plan_add_step(c->plan,
                      (Step){ .kind = STEP_STOP, .service = c->service, .container = current });
    else if (c->service->has_health && current->health != HEALTH_HEALTHY)
        return; /* the engine's event wakes us */
    else if (!c->service->has_health && c->now_ms < settled_at)
        plan_wake_at(c->plan, settled_at);
    else
        finish_update(c, slots);
}

/* Volumes have one writer at a time, a host port one owner: the old one stops before the new one
 * starts. */
static void make_way(Context *c, const Slots *slots)
{
    if (c->service->exclusive && is_up(slots->old))
        plan_add_step(c->plan,
                      (Step){ .kind = STEP_STOP, .service = c->service, .container = slots->old });
}

static void plan_update(Context *c, const Slots *slots)
{
    const Container *current = slots->current;

    c->out.kind = is_up(slots->old) ? OUTCOME_UPDATING : OUTCOME_PROGRESSING;
    c->out.shown = is_up(slots->old) || current == NULL ? slots->old : current;
    if (current == NULL) {
        if (c->pending) {
            update_rests(c, slots);
        } else if (image_is_settled(c)) {
            rename_if_next(c, slots->old);
            create(c, true);
            make_way(c, slots);
            start_created(c, true);
        }
    } else if (is_up(current)) {
        gate(c, slots);
    } else if (current->state == CONTAINER_EXITED) {
        if (is_completed(c, current) && !c->service->has_health)
            finish_update(c, slots);
        else
            update_failed(c, slots);
    } else if (current->state == CONTAINER_RESTARTING) {
        plan_wake_at(c->plan, c->now_ms + LOOK_AGAIN_MS);
    } else if (current->state == CONTAINER_CREATED && current->error[0] != '\0' &&
               c->service->exclusive) {
        update_failed(c, slots);
    } else if (c->pending) {
        update_rests(c, slots);
    } else if (current->state == CONTAINER_DEAD) {
        remove_container(c, current);
    } else {
        make_way(c, slots);
        start(c, current, false);
    }
}

void plan_service(Plan *plan, const DesiredService *service, const Observed *observed,
                  const History *history, const char *uid, int64_t now_ms)
{
    const ServiceHistory *remembered = history_find(history, service->name);
    Context c = { .plan = plan, .service = service, .now_ms = now_ms, .out.service = service };

    if (remembered != NULL && strcmp(remembered->config, service->config) == 0)
        c.history = remembered;
    if (c.history != NULL && c.history->failure.reason != NULL &&
        now_ms < c.history->failure.retry_at) {
        c.pending = true;
        plan_wake_at(plan, c.history->failure.retry_at);
    }
    c.has_network = observed->has_network;
    Slots slots = find_slots(&c, observed, uid);
    if (slots.removing && slots.current == NULL) {
        c.out.kind = OUTCOME_PROGRESSING;
        c.out.shown = slots.old;
        plan_wake_at(plan, now_ms + LOOK_AGAIN_MS);
    } else if (slots.old != NULL) {
        plan_update(&c, &slots);
    } else {
        plan_single(&c, slots.current);
    }
    c.out.missing = c.out.shown == NULL && !c.out.pulling && c.history != NULL && c.history->ran;
    plan->outcomes = mem_grow(plan->outcomes, plan->outcome_count + 1, sizeof(Outcome));
    plan->outcomes[plan->outcome_count++] = c.out;
}
