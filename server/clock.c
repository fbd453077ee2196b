#include "clock.h"

#include "session.h"

#include "cara/log.h"
#include "cara/mem.h"
#include "cara/time.h"

#include <jansson.h>
#include <string.h>

#define RETRY_MS             1000  /* of the lock, and after a tick that failed */
#define NEXT_MIN_MS          20    /* whatever SQL says, leave room for others */
#define NEXT_MAX_MS          30000 /* the slow poll behind the bus */
#define AFTER_MS             3     /* of a wake-up, see CLOCK_RESTING */
#define REST_TIMES           3
#define REST_MAX_MS          200
#define STATEMENT_TIMEOUT_MS 60000

enum { ASK_FOR_LOCK, TICK_AFRESH, TICK };

static const char *const statements[] = { [ASK_FOR_LOCK] =
                                              "SELECT pg_try_advisory_lock(api.tick_lock_key())",
                                          [TICK_AFRESH] = "SELECT api.tick(true)",
                                          [TICK] = "SELECT api.tick()",
                                          NULL };

typedef enum ClockState {
    CLOCK_DOWN,    /* no connection */
    CLOCK_ASKING,  /* for the lock */
    CLOCK_STANDBY, /* another server ticks */
    CLOCK_TICKING,
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
    bool fresh; /* no tick has succeeded since the lock was got */
    bool woken; /* during a tick: tick again */
    bool failing;
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
    session_query(clock->session, clock->fresh ? TICK_AFRESH : TICK, NULL, 0);
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

unsigned clock_parse_next(const char *json)
{
    json_t *root = json_loads(json, 0, NULL);
    const json_t *next = json_object_get(root, "nextInMs");
    json_int_t ms = json_is_integer(next) ? json_integer_value(next) : NEXT_MAX_MS;

    json_decref(root);
    return ms < NEXT_MIN_MS ? NEXT_MIN_MS : ms > NEXT_MAX_MS ? NEXT_MAX_MS : (unsigned)ms;
}

/* NULL for SQL's NULL and for an error, which is logged once until things go well again. */
static const char *value_of(Clock *clock, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        clock->failing = false;
        return PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0);
    }
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!clock->failing)
        log_error("tick failed, trying again each second", "sqlstate=%s error=%s",
                  sqlstate != NULL ? sqlstate : "-", message != NULL ? message : "-");
    clock->failing = true;
    return NULL;
}

static void on_answered(void *arg, PGresult *result)
{
    Clock *clock = arg;
    const char *value = value_of(clock, result);

    if (clock->state == CLOCK_ASKING) {
        if (value != NULL && value[0] == 't') {
            log_info("this server keeps the clock", NULL);
            clock->fresh = true;
            tick(clock);
        } else {
            wait_for(clock, CLOCK_STANDBY, RETRY_MS);
        }
        return;
    }
    if (clock->failing) {
        wait_for(clock, CLOCK_WAITING, RETRY_MS);
        return;
    }
    clock->fresh = false;
    int64_t rest = REST_TIMES * (time_monotonic_ms() - clock->began);
    rest = rest < AFTER_MS ? AFTER_MS : rest > REST_MAX_MS ? REST_MAX_MS : rest;
    if (clock->woken)
        wait_for(clock, CLOCK_RESTING, (unsigned)rest);
    else
        wait_for(clock, CLOCK_WAITING, value != NULL ? clock_parse_next(value) : NEXT_MAX_MS);
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
