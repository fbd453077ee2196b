#include "clock.h"

#include "session.h"

#include "cara/log.h"
#include "cara/mem.h"
#include "cara/time.h"

#include <jansson.h>
#include <stdio.h>

#define RETRY_MS             1000  /* of the lock, and after a tick that failed */
#define NEXT_MIN_MS          20    /* whatever SQL says, leave room for others */
#define NEXT_MAX_MS          30000 /* the slow poll behind the bus */
#define AFTER_MS             3     /* of a wake-up, see CLOCK_RESTING */
#define REST_TIMES           3
#define REST_MAX_MS          200
#define STATEMENT_TIMEOUT_MS 50000 /* less than what counts as an outage of the clock */

enum { ASK_FOR_LOCK, DUE_AFRESH, DUE, DECIDE };

/* What is due is committed before anything is decided: whatever becomes of decisions, leases run
 * out, deletions end and the log is trimmed. */
static const char *const statements[] = { [ASK_FOR_LOCK] =
                                              "SELECT pg_try_advisory_lock(api.tick_lock_key())",
                                          [DUE_AFRESH] = "SELECT api.tick_due(true)",
                                          [DUE] = "SELECT api.tick_due()",
                                          [DECIDE] = "SELECT api.decide()",
                                          NULL };

typedef enum ClockState {
    CLOCK_DOWN,    /* no connection */
    CLOCK_ASKING,  /* for the lock */
    CLOCK_STANDBY, /* another server ticks */
    CLOCK_TICKING, /* does what is due */
    CLOCK_DECIDING,
    CLOCK_RESTING, /* leader; woken, and not yet at it. At first: agents that the same change
                      concerns go before, and changes that come together have one tick. After a tick
                      some times as long as it took: where changes never end, ticks shall not be
                      half of what Postgres does */
    CLOCK_WAITING, /* leader; until due or woken */
} ClockState;

struct Clock {
    Session *session;
    Bus *bus;
    ClockState state;
    bool fresh;    /* no tick has succeeded since the lock was got */
    bool woken;    /* during a tick: tick again */
    bool missed;   /* what was due failed in this tick */
    bool failing;  /* the last tick, or the last try for the lock; told */
    int64_t began; /* the tick, monotonic, ms */
    h2o_loop_t *loop;
    h2o_timeout_t timer; /* of one entry, so that its length may change each time */
    h2o_timeout_entry_t due;
    BusSubscriber subscriber;
};

static void ask_for_lock(Clock *clock)
{
    clock->state = CLOCK_ASKING;
    session_query(clock->session, ASK_FOR_LOCK, NULL, 0);
}

static void tick(Clock *clock)
{
    clock->state = CLOCK_TICKING;
    clock->began = time_monotonic_ms();
    clock->woken = false;
    h2o_timeout_unlink(&clock->due);
    session_query(clock->session, clock->fresh ? DUE_AFRESH : DUE, NULL, 0);
}

static void wait_for(Clock *clock, ClockState state, unsigned ms)
{
    clock->state = state;
    h2o_timeout_unlink(&clock->due);
    clock->timer.timeout = ms;
    h2o_timeout_link(clock->loop, &clock->timer, &clock->due);
}

static void on_due(h2o_timeout_entry_t *entry)
{
    Clock *clock = H2O_STRUCT_FROM_MEMBER(Clock, due, entry);

    if (clock->state == CLOCK_STANDBY)
        ask_for_lock(clock);
    else if (clock->state == CLOCK_WAITING || clock->state == CLOCK_RESTING)
        tick(clock);
}

/* What a tick itself changed needs no further tick: its answer says when the next one is due. */
static void on_wake(BusSubscriber *subscriber, int backend)
{
    Clock *clock = H2O_STRUCT_FROM_MEMBER(Clock, subscriber, subscriber);

    if (backend != 0 && backend == session_backend(clock->session))
        return;
    if (clock->state == CLOCK_WAITING)
        wait_for(clock, CLOCK_RESTING, AFTER_MS);
    else
        clock->woken = true;
}

ClockAnswer clock_parse_answer(const char *json)
{
    json_t *root = json_loads(json, 0, NULL);
    const json_t *next = json_object_get(root, "nextInMs");
    json_int_t ms = json_is_integer(next) ? json_integer_value(next) : NEXT_MAX_MS;
    const char *failed = json_string_value(json_object_get(root, "failed"));
    ClockAnswer answer = { 0 };

    answer.next_ms = ms < NEXT_MIN_MS ? NEXT_MIN_MS : ms > NEXT_MAX_MS ? NEXT_MAX_MS : (unsigned)ms;
    if (failed != NULL)
        snprintf(answer.failed, sizeof(answer.failed), "%s", failed);
    json_decref(root);
    return answer;
}

/* NULL for SQL's NULL and for an error. */
static const char *value_of(const PGresult *result)
{
    bool one = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;

    return one && !PQgetisnull(result, 0, 0) ? PQgetvalue(result, 0, 0) : NULL;
}

/* What went wrong; NULL when nothing did. */
static const char *error_of(const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return NULL;
    return message != NULL ? message : "no answer";
}

/* Logged once until things go well again. */
static void tell(Clock *clock, const char *what, const PGresult *result, const char *message)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (!clock->failing)
        log_error(what, "sqlstate=%s error=%s", sqlstate != NULL ? sqlstate : "-", message);
    clock->failing = true;
}

static void on_lock_answered(Clock *clock, const PGresult *result)
{
    const char *value = value_of(result);

    if (error_of(result) != NULL)
        tell(clock, "cannot ask for the clock, trying again each second", result, error_of(result));
    if (value == NULL || value[0] != 't') {
        wait_for(clock, CLOCK_STANDBY, RETRY_MS);
        return;
    }
    log_info("this server keeps the clock", NULL);
    clock->fresh = true;
    clock->failing = false;
    tick(clock);
}

/* Decides also when what is due could not be done: neither keeps the other from going on. */
static void on_due_answered(Clock *clock, const PGresult *result)
{
    clock->missed = error_of(result) != NULL;
    if (clock->missed)
        tell(clock, "tick failed, trying again each second", result, error_of(result));
    else
        clock->fresh = false;
    clock->state = CLOCK_DECIDING;
    session_query(clock->session, DECIDE, NULL, 0);
}

static void on_decided(Clock *clock, const PGresult *result)
{
    const char *value = value_of(result);
    const char *error = error_of(result);
    ClockAnswer answer = clock_parse_answer(value != NULL ? value : "");
    int64_t rest = REST_TIMES * (time_monotonic_ms() - clock->began);

    if (error == NULL && answer.failed[0] != '\0')
        error = answer.failed;
    if (error != NULL)
        tell(clock, "decision failed, trying again and again", result, error);
    if (value == NULL || clock->missed) {
        wait_for(clock, CLOCK_WAITING, RETRY_MS);
        return;
    }
    if (error != NULL) { /* SQL says when: in time for what is due, woken or not */
        wait_for(clock, CLOCK_WAITING, answer.next_ms);
        return;
    }
    clock->failing = false;
    rest = rest < AFTER_MS ? AFTER_MS : rest > REST_MAX_MS ? REST_MAX_MS : rest;
    if (clock->woken)
        wait_for(clock, CLOCK_RESTING, (unsigned)rest);
    else
        wait_for(clock, CLOCK_WAITING, answer.next_ms);
}

static void on_answered(void *arg, PGresult *result)
{
    Clock *clock = arg;

    if (clock->state == CLOCK_ASKING)
        on_lock_answered(clock, result);
    else if (clock->state == CLOCK_TICKING)
        on_due_answered(clock, result);
    else
        on_decided(clock, result);
}

static void on_changed(void *arg, int backend)
{
    const Clock *clock = arg;

    bus_mark(clock->bus, backend);
}

static void on_up(void *arg)
{
    ask_for_lock(arg);
}

static void on_down(void *arg)
{
    Clock *clock = arg;

    clock->state = CLOCK_DOWN;
    clock->woken = false;
    h2o_timeout_unlink(&clock->due);
}

Clock *clock_new(h2o_loop_t *loop, Connector *connector, const char *role, Bus *bus)
{
    Clock *clock = mem_alloc(sizeof(*clock));

    clock->loop = loop;
    clock->bus = bus;
    clock->due.cb = on_due;
    clock->subscriber.wake = on_wake;
    h2o_timeout_init(loop, &clock->timer, RETRY_MS);
    bus_subscribe(bus, &clock->subscriber);
    clock->session = session_new(&(SessionOptions){
        .loop = loop,
        .connector = connector,
        .role = role,
        .statements = statements,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
        .up = on_up,
        .down = on_down,
        .answered = on_answered,
        .changed = on_changed,
        .arg = clock,
    });
    return clock;
}

void clock_free(Clock *clock)
{
    if (clock == NULL)
        return;
    bus_unsubscribe(&clock->subscriber);
    h2o_timeout_unlink(&clock->due);
    h2o_timeout_dispose(clock->loop, &clock->timer);
    session_free(clock->session);
    free(clock);
}
