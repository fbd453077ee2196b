#include "bus.h"

#include "session.h"

#include "cara/log.h"
#include "cara/mem.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define GATHER_MS            3   /* what is committed within, one NOTIFY tells */
#define BEHIND_MS            20  /* while an older transaction holds the log's position back, */
#define BEHIND_MAX_MS        100 /* ... each time twice as long */
#define RETRY_MS             1000
#define STATEMENT_TIMEOUT_MS 15000
#define POSITION_MAX         24

typedef enum BusState {
    BUS_DOWN, /* no connection */
    BUS_IDLE,
    BUS_TELLING, /* the NOTIFY is under way */
} BusState;

static const char *const statements[] = { "SELECT api.bus_notify($1::bigint)", NULL };

struct Bus {
    Session *session;
    h2o_linklist_t subscribers;
    h2o_loop_t *loop;
    h2o_timeout_t timer; /* of one entry, so that its length may change */
    h2o_timeout_entry_t due;
    BusState state;
    bool marked; /* something is committed that others were not told of */
    unsigned behind_ms;
    char position[POSITION_MAX]; /* of the log: what others were told of; "" when nobody knows */
};

static void wake_all(Bus *bus, int backend)
{
    h2o_linklist_t *node = bus->subscribers.next;

    while (node != &bus->subscribers) {
        h2o_linklist_t *next = node->next;
        BusSubscriber *subscriber = H2O_STRUCT_FROM_MEMBER(BusSubscriber, link, node);
        subscriber->wake(subscriber, backend);
        node = next;
    }
}

/* ---- telling others ---- */

static void tell(Bus *bus)
{
    const char *position = bus->position[0] != '\0' ? bus->position : NULL;

    bus->state = BUS_TELLING;
    bus->marked = false;
    session_query(bus->session, 0, &position, 1);
}

static void tell_in(Bus *bus, unsigned ms)
{
    if (h2o_timeout_is_linked(&bus->due))
        return;
    bus->timer.timeout = ms;
    h2o_timeout_link(bus->loop, &bus->timer, &bus->due);
}

static void on_due(h2o_timeout_entry_t *entry)
{
    Bus *bus = H2O_STRUCT_FROM_MEMBER(Bus, due, entry);

    if (bus->state == BUS_IDLE)
        tell(bus);
}

void bus_mark(Bus *bus, int backend)
{
    bus->marked = true;
    if (bus->state == BUS_IDLE)
        tell_in(bus, GATHER_MS);
    wake_all(bus, backend);
}

/* {"position":N,"behind":false}; returns whether there is more to tell. */
static bool take_position(Bus *bus, const char *answer)
{
    json_t *root = json_loads(answer, 0, NULL);
    bool behind = json_is_true(json_object_get(root, "behind"));
    char position[POSITION_MAX];

    snprintf(position, sizeof(position), "%lld",
             (long long)json_integer_value(json_object_get(root, "position")));
    bool moved = strcmp(position, bus->position) != 0;
    bus->behind_ms = moved || bus->behind_ms == 0 ? BEHIND_MS : bus->behind_ms * 2;
    bus->behind_ms = bus->behind_ms > BEHIND_MAX_MS ? BEHIND_MAX_MS : bus->behind_ms;
    memcpy(bus->position, position, sizeof(position));
    json_decref(root);
    return behind;
}

static void on_answered(void *arg, PGresult *result)
{
    Bus *bus = arg;
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;

    bus->state = BUS_IDLE;
    bool behind = good && take_position(bus, PQgetvalue(result, 0, 0));
    if (!good) {
        const char *why = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        log_warn("others could not be told of changes, trying again", "error=%s",
                 why != NULL ? why : "-");
        bus->marked = true;
    }
    if (bus->marked || behind)
        tell_in(bus, !good ? RETRY_MS : behind ? bus->behind_ms : GATHER_MS);
}

/* ---- hearing from others ---- */

static void on_notified(void *arg, int backend)
{
    Bus *bus = arg;

    if (backend != session_backend(bus->session)) /* our own we woke for when it was committed */
        wake_all(bus, -1);
}

/* Also finds out where the log stands, and tells others what an outage kept from them. */
static void on_up(void *arg)
{
    Bus *bus = arg;

    tell(bus);
    wake_all(bus, 0);
}

static void on_down(void *arg)
{
    Bus *bus = arg; /* what is missed meanwhile is made up for by on_up */

    bus->state = BUS_DOWN;
    h2o_timeout_unlink(&bus->due);
}

Bus *bus_new(h2o_loop_t *loop, Connector *connector, const char *role)
{
    Bus *bus = mem_alloc(sizeof(*bus));

    h2o_linklist_init_anchor(&bus->subscribers);
    bus->loop = loop;
    bus->due.cb = on_due;
    h2o_timeout_init(loop, &bus->timer, GATHER_MS);
    bus->session = session_new(&(SessionOptions){
        .loop = loop,
        .connector = connector,
        .role = role,
        /* a NOTIFY tells of what is durable already, and need not be so itself */
        .listen = "LISTEN cara_bus; SET synchronous_commit = off",
        .statements = statements,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
        .up = on_up,
        .down = on_down,
        .notified = on_notified,
        .answered = on_answered,
        .arg = bus,
    });
    return bus;
}

void bus_free(Bus *bus)
{
    if (bus == NULL)
        return;
    h2o_timeout_unlink(&bus->due);
    h2o_timeout_dispose(bus->loop, &bus->timer);
    session_free(bus->session);
    free(bus);
}

void bus_subscribe(Bus *bus, BusSubscriber *subscriber)
{
    subscriber->link = (h2o_linklist_t){ 0 };
    h2o_linklist_insert(&bus->subscribers, &subscriber->link);
}

void bus_unsubscribe(BusSubscriber *subscriber)
{
    h2o_linklist_unlink(&subscriber->link);
}
