#include "hub.h"

#include "session.h"

#include "cara/log.h"
#include "cara/mem.h"
#include "cara/time.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define STATEMENT_TIMEOUT_MS 15000
#define TICK_MS              1000 /* behind wake-ups that were lost, one cheap query */
#define GAP_MS               2    /* between two looks at the log */
#define BEHIND_MS            10   /* while an older transaction holds the position back, */
#define BEHIND_MAX_MS        100  /* ... each time twice as long */
#define RETRY_MS             1000
#define SILENT_MS            60000
#define BOOKMARK_TICKS       30
#define CHECK_TICKS          60 /* of the streams' channels, behind what the log tells */
#define NUMBER_MAX           24

enum { READ_BUS, READ_FEED, CHECK_CHANNELS };

static const char *const statements[] = {
    [READ_BUS] = "SELECT api.bus_read($1::bigint)",
    [READ_FEED] = "SELECT id, line FROM api.watch_read($1::text, $2::jsonb, $3::bigint, $4::int)",
    [CHECK_CHANNELS] = "SELECT api.channel_check($1::jsonb)",
    NULL
};

typedef enum HubState {
    HUB_DOWN, /* no connection */
    HUB_IDLE,
    HUB_BUS,   /* api.bus_read is under way */
    HUB_FEED,  /* api.watch_read */
    HUB_CHECK, /* api.channel_check */
} HubState;

struct Hub {
    HubOptions options;
    Session *session;
    BusSubscriber subscriber;
    Feeds *feeds;
    Wakeups *wakeups;
    HubState state;
    Feed *reading;          /* while HUB_FEED */
    int64_t position;       /* of the log; -1 while nobody has asked */
    int64_t feeds_position; /* up to which feeds have to read */
    bool dirty;             /* there may be something new */
    bool check;             /* the streams' channels are to be checked */
    int64_t not_before;     /* ms: when the log may be looked at again */
    int64_t behind_ms;      /* how long to wait for who holds the position back */
    int64_t silent_until;   /* ms: a failure was logged not long ago */
    unsigned ticks;
    h2o_timeout_t timer; /* of one entry, so that its length may change */
    h2o_timeout_entry_t due;
    h2o_timeout_t second;
    h2o_timeout_entry_t tick;
};

/* ---- what to do next ---- */

static void read_bus(Hub *hub)
{
    char after[NUMBER_MAX];
    const char *params[] = { hub->position >= 0 ? after : NULL };

    snprintf(after, sizeof(after), "%" PRId64, hub->position);
    hub->state = HUB_BUS;
    hub->dirty = false;
    session_query(hub->session, READ_BUS, params, 1);
}

static void read_feed(Hub *hub, Feed *feed)
{
    char after[NUMBER_MAX];
    char limit[NUMBER_MAX];
    const char *params[] = { feed_kind(feed), feed_query(feed), after, limit };

    snprintf(after, sizeof(after), "%" PRId64, feed_position(feed));
    snprintf(limit, sizeof(limit), "%d", feed_limit(feed));
    hub->state = HUB_FEED;
    hub->reading = feed;
    feed_hold(feed);
    session_query(hub->session, READ_FEED, params, 4);
}

static void check_channels(Hub *hub)
{
    _cleanup_(mem_freep) char *serials = wakeups_serials(hub->wakeups);
    const char *params[] = { serials };

    hub->state = HUB_CHECK;
    hub->check = false;
    session_query(hub->session, CHECK_CHANNELS, params, 1);
}

static void wait_until(Hub *hub, int64_t at_ms, int64_t now_ms)
{
    h2o_timeout_unlink(&hub->due);
    hub->timer.timeout = at_ms > now_ms ? (uint64_t)(at_ms - now_ms) : 0;
    h2o_timeout_link(hub->options.loop, &hub->timer, &hub->due);
}

/* When the log may be looked at: at once for streams; for feeds alone not before one may be read.
 */
static int64_t look_at(const Hub *hub)
{
    int64_t feeds_at = wakeups_count(hub->wakeups) > 0 ? 0 : feeds_readable_at(hub->feeds);

    return hub->not_before > feeds_at ? hub->not_before : feeds_at;
}

/* One query at a time: who is to be woken first, then the feeds, each in its turn. */
static void step(Hub *hub)
{
    int64_t now = time_monotonic_ms();
    int64_t next;

    if (hub->state != HUB_IDLE)
        return;
    if (wakeups_count(hub->wakeups) == 0 && feeds_count(hub->feeds) == 0) {
        hub->position = -1; /* nobody waits: who comes finds out where the log is */
        return;
    }
    if (hub->dirty && look_at(hub) <= now) {
        read_bus(hub);
        return;
    }
    Feed *feed = feeds_behind(hub->feeds, hub->feeds_position, now, &next);
    if (feed != NULL) {
        read_feed(hub, feed);
        return;
    }
    if (hub->check && wakeups_count(hub->wakeups) > 0) {
        check_channels(hub);
        return;
    }
    if (hub->dirty && look_at(hub) < next)
        next = look_at(hub);
    if (next != INT64_MAX)
        wait_until(hub, next, now);
}

static void on_due(h2o_timeout_entry_t *entry)
{
    step(H2O_STRUCT_FROM_MEMBER(Hub, due, entry));
}

void hub_look(Hub *hub)
{
    hub->dirty = true;
    step(hub);
}

static void on_dirty(void *arg)
{
    hub_look(arg);
}

static void on_wake(BusSubscriber *subscriber, int backend)
{
    (void)backend;
    hub_look(H2O_STRUCT_FROM_MEMBER(Hub, subscriber, subscriber));
}

static void on_tick(h2o_timeout_entry_t *entry)
{
    Hub *hub = H2O_STRUCT_FROM_MEMBER(Hub, tick, entry);

    h2o_timeout_link(hub->options.loop, &hub->second, &hub->tick);
    hub->ticks++;
    wakeups_tick(hub->wakeups, time_monotonic_ms());
    if (hub->ticks % BOOKMARK_TICKS == 0)
        feeds_bookmark(hub->feeds);
    else if (hub->ticks % BOOKMARK_TICKS == BOOKMARK_TICKS - 1)
        hub->feeds_position = hub->position; /* so that those that saw nothing get along too */
    if (hub->ticks % CHECK_TICKS == 0)
        hub->check = true;
    hub_look(hub);
}

/* ---- answers ---- */

static void take_channels(Hub *hub, json_t *channels)
{
    const char *node;
    json_t *serial;

    json_object_foreach (channels, node, serial)
        wakeups_set_serial(hub->wakeups, node,
                           json_is_integer(serial) ? json_integer_value(serial) : WAKEUPS_REVOKED);
}

static void take_nodes(Hub *hub, const json_t *nodes)
{
    for (size_t i = 0; i < json_array_size(nodes); i++)
        wakeups_wake(hub->wakeups, json_string_value(json_array_get(nodes, i)));
}

static void on_bus_read(Hub *hub, const char *answer)
{
    json_t *root = json_loads(answer, 0, NULL);
    int64_t position = json_integer_value(json_object_get(root, "position"));
    int64_t now = time_monotonic_ms();

    hub->not_before = now + GAP_MS;
    /* what was committed before the first look is known to nobody */
    if (hub->position < 0 || json_is_true(json_object_get(root, "trimmed"))) {
        wakeups_wake_all(hub->wakeups);
        hub->check = true;
    }
    take_channels(hub, json_object_get(root, "channels"));
    take_nodes(hub, json_object_get(root, "nodes"));
    if (hub->position < 0 || json_is_true(json_object_get(root, "changed")) ||
        json_is_true(json_object_get(root, "trimmed")))
        hub->feeds_position = position;
    if (json_is_true(json_object_get(root, "behind"))) {
        int64_t wait = position > hub->position ? BEHIND_MS : hub->behind_ms * 2;
        hub->dirty = true;
        hub->behind_ms = wait > BEHIND_MAX_MS ? BEHIND_MAX_MS : wait;
        hub->not_before = now + hub->behind_ms;
    } else {
        hub->behind_ms = BEHIND_MS;
    }
    hub->position = position;
    json_decref(root);
}

static void on_channels_checked(Hub *hub, const char *answer)
{
    json_t *root = json_loads(answer, 0, NULL);

    for (size_t i = 0; i < json_array_size(root); i++)
        wakeups_set_serial(hub->wakeups, json_string_value(json_array_get(root, i)),
                           WAKEUPS_REVOKED);
    json_decref(root);
}

/* What fails for good ends the watches of that feed; anything else is tried again. One feed that
 * cannot be read holds up nobody else. */
static void on_failure(Hub *hub, HubState state, Feed *feed, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *why = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    int64_t now = time_monotonic_ms();

    sqlstate = sqlstate != NULL ? sqlstate : "-";
    why = why != NULL ? why : "-";
    if (feed != NULL && strncmp(sqlstate, "SR4", 3) == 0) {
        feed_break(feed, sqlstate, why);
        return;
    }
    if (feed != NULL)
        feed_pause(feed, now + RETRY_MS);
    if (state == HUB_BUS) {
        hub->dirty = true;
        hub->not_before = now + RETRY_MS;
    }
    if (now < hub->silent_until)
        return;
    hub->silent_until = now + SILENT_MS;
    log_error("changes cannot be read, trying again each second", "sqlstate=%s error=%s", sqlstate,
              why);
}

static void on_answered(void *arg, PGresult *result)
{
    Hub *hub = arg;
    HubState state = hub->state;
    Feed *feed = TAKE_PTR(hub->reading);
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0;

    hub->state = HUB_IDLE;
    if (good && state == HUB_BUS)
        on_bus_read(hub, PQgetvalue(result, 0, 0));
    else if (good && state == HUB_CHECK)
        on_channels_checked(hub, PQgetvalue(result, 0, 0));
    if (feed != NULL && !feed_release(feed))
        feed = NULL; /* its last watcher left meanwhile */
    if (!good || (feed != NULL && !feed_append(feed, result, time_monotonic_ms())))
        on_failure(hub, state, feed, result);
    step(hub);
}

static void on_up(void *arg)
{
    Hub *hub = arg;

    hub->state = HUB_IDLE;
    hub->check = true;
    hub_look(hub);
}

static void on_down(void *arg)
{
    Hub *hub = arg;
    Feed *feed = TAKE_PTR(hub->reading);

    hub->state = HUB_DOWN;
    if (feed != NULL)
        feed_release(feed);
}

/* ---- the outside ---- */

Hub *hub_new(const HubOptions *options)
{
    Hub *hub = mem_alloc(sizeof(*hub));

    hub->options = *options;
    hub->position = -1;
    hub->behind_ms = BEHIND_MS;
    hub->due.cb = on_due;
    hub->tick.cb = on_tick;
    hub->subscriber.wake = on_wake;
    hub->feeds = feeds_new(options->max_behind, on_dirty, hub);
    hub->wakeups = wakeups_new();
    h2o_timeout_init(options->loop, &hub->timer, GAP_MS);
    h2o_timeout_init(options->loop, &hub->second, TICK_MS);
    h2o_timeout_link(options->loop, &hub->second, &hub->tick);
    bus_subscribe(options->bus, &hub->subscriber);
    hub->session = session_new(&(SessionOptions){
        .loop = options->loop,
        .connector = options->connector,
        .role = options->role,
        .statements = statements,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
        .up = on_up,
        .down = on_down,
        .answered = on_answered,
        .arg = hub,
    });
    return hub;
}

void hub_free(Hub *hub)
{
    if (hub == NULL)
        return;
    bus_unsubscribe(&hub->subscriber);
    h2o_timeout_unlink(&hub->due);
    h2o_timeout_unlink(&hub->tick);
    h2o_timeout_dispose(hub->options.loop, &hub->timer);
    h2o_timeout_dispose(hub->options.loop, &hub->second);
    session_free(hub->session);
    feeds_free(hub->feeds);
    wakeups_free(hub->wakeups);
    free(hub);
}

Feeds *hub_feeds(Hub *hub)
{
    return hub->feeds;
}

Wakeups *hub_wakeups(Hub *hub)
{
    return hub->wakeups;
}
