#include "control.h"

#include "backoff.h"
#include "cara/log.h"
#include "cara/mem.h"
#include "cara/time.h"
#include "channel.h"
#include "facts.h"
#include "pressure.h"
#include "rest.h"
#include "sweep.h"
#include "threads.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define RETRY_FIRST_MS    200
#define RETRY_MAX_MS      10000
#define DEFAULT_PACE_MS   30000
#define CHANNEL_AGAIN_MS  300000 /* when there was none to be had */
#define SHORT_LIVED_MS    30000  /* a channel that is lost sooner is asked for with back-off */
#define SPREAD_MS         1000   /* over which a lost channel is asked for, if nobody says */
#define POSTGRES_TRIES    2      /* to reach it before we ask for a stream instead */
#define POSTGRES_AGAIN_MS 600000
#define REPORTS_AT_ONCE   200
#define PROGRESS_GAP_MS   250 /* between reports that only say how far something has come */
#define SILENCE_MAX       2   /* heartbeats: not heard for longer and our lease may be over */
#define BUSY_STATUS       503 /* not now: the stream may still hold */
#define TAKEN_STATUS      409 /* of a heartbeat: another machine has this node's name */
#define NEVER             INT64_MAX

enum { REGISTER, HEARTBEAT, CHANNEL, FETCH, REPORT, DUTY_COUNT };

struct Control {
    const Settings *settings;
    Engine *engine;
    Outbox *outbox;
    Deaths *deaths;
    Projects *projects;
    Ingress *ingress; /* NULL without a proxy */
    Rest *rest;
    AgentChannel *channel;
    ChannelOffer offer;    /* of a stream, to open it again; CHANNEL_POLL: none */
    const char *offer_for; /* what was asked for */
    int64_t channel_since; /* monotonic, ms */
    int channel_losses;    /* of short-lived ones, one after the other */
    int postgres_failures; /* to open what the server picked */
    int64_t no_postgres_until;
    int wake_fd;
    int64_t due[DUTY_COUNT]; /* monotonic, ms */
    int failures[DUTY_COUNT];
    int64_t away_until; /* the server cannot be reached: nothing is tried before */
    bool registered;
    bool refused;     /* the node is alive on another machine: nothing is done in its name */
    bool resync;      /* the next fetch is not just a wake-up's: look for leftovers too */
    bool returning;   /* we were out of touch: the next list is the first after that */
    int seen_arrival; /* of the engine, when leftovers were last looked for */
    bool told_all;    /* the server has our facts */
    bool told_ready;  /* the state it has */
    int told_arrival; /* of the engine, when they were told */
    Pressure told_pressure;
    int told_port;    /* of the ingress proxy; 0: it did not listen */
    int64_t answered; /* when the server last did, monotonic, ms; 0: never */
    int64_t reported; /* when a report last left */
    int64_t poll_ms;
    int64_t heartbeat_ms;
    bool paces_unsure; /* paces are told once, and what told them may not have arrived */
};

static int duty_register(Control *control, Err *err);
static int duty_heartbeat(Control *control, Err *err);
static int duty_channel(Control *control, Err *err);
static int duty_fetch(Control *control, Err *err);
static int duty_report(Control *control, Err *err);

/* In the order they are done in when several are due. Each sets when it is due next. */
static const struct {
    const char *name;
    int (*run)(Control *control, Err *err);
} duties[DUTY_COUNT] = {
    [REGISTER] = { "register", duty_register },     [HEARTBEAT] = { "heartbeat", duty_heartbeat },
    [CHANNEL] = { "take a channel", duty_channel }, [FETCH] = { "fetch assignments", duty_fetch },
    [REPORT] = { "report", duty_report },
};

/* ---- the duties
 * ---------------------------------------------------------------------------------------- */

/* The server has answered. A call that hung until a line was mended ends well, too. */
static void in_touch(Control *control)
{
    int64_t now = time_monotonic_ms();

    if (now - control->answered > SILENCE_MAX * control->heartbeat_ms)
        control->returning = true;
    control->answered = now;
}

static void set_paces(Control *control, const Paces *paces)
{
    if (paces->poll_ms > 0)
        control->poll_ms = paces->poll_ms;
    if (paces->heartbeat_ms <= 0 || control->settings->heartbeat_interval_ms > 0 ||
        paces->heartbeat_ms == control->heartbeat_ms)
        return;
    log_info("heartbeat interval told", "heartbeat_ms=%" PRId64, paces->heartbeat_ms);
    control->heartbeat_ms = paces->heartbeat_ms;
    /* A shorter interval counts from now on, not after one more of the old ones. */
    int64_t next = time_monotonic_ms() + beat_delay_ms(control->heartbeat_ms, true);
    if (next < control->due[HEARTBEAT])
        control->due[HEARTBEAT] = next;
}

static int duty_register(Control *control, Err *err)
{
    if (rest_register(control->rest, err) < 0)
        return -1;
    log_info("registered", "node=%s server=%s", control->settings->node_name,
             control->settings->server_url);
    control->registered = true;
    control->told_all = false;
    control->due[REGISTER] = NEVER;
    control->due[HEARTBEAT] = 0;
    control->due[CHANNEL] = 0;
    agent_channel_close(TAKE_PTR(control->channel));
    channel_offer_done(&control->offer);
    return 0;
}

static json_t *network_facts(const Control *control)
{
    char address[64];
    Err err = { 0 };
    json_t *network = json_object();

    if (control->settings->advertise_ip != NULL)
        snprintf(address, sizeof(address), "%s", control->settings->advertise_ip);
    else if (facts_local_address(control->settings->server_url, address, sizeof(address), &err) < 0)
        address[0] = '\0';
    if (address[0] != '\0')
        json_object_set_new(network, "ip", json_string(address));
    json_object_set_new(network, "mode", json_string("Direct"));
    json_object_set_new(network, "agentPort", json_integer(control->settings->listen_port));
    return network;
}

/* All of it after a registration or when the engine came back, else what changed: NULL for nothing.
 */
static json_t *heartbeat_body(const Control *control, bool ready, const EngineFacts *engine,
                              Pressure pressure, int proxy_port)
{
    bool all = !control->told_all || engine->arrivals != control->told_arrival;
    json_t *body = json_object();

    if (all) {
        Facts facts;
        facts_read(&facts);
        json_decref(body);
        body = facts_json(&facts, engine->version);
        json_object_set_new(body, "network", network_facts(control));
    }
    if (all || ready != control->told_ready)
        json_object_set_new(body, "state", json_string(ready ? "Ready" : "NotReady"));
    if (all || !pressure_same(pressure, control->told_pressure))
        json_object_set_new(body, "pressure", pressure_json(pressure));
    if (all || proxy_port != control->told_port)
        json_object_set_new(body, "proxy", ingress_facts(control->ingress, proxy_port));
    if (json_object_size(body) > 0)
        return body;
    json_decref(body);
    return NULL;
}

static Pressure pressure_now(const Control *control, const EngineFacts *engine)
{
    Headroom headroom;

    pressure_look(engine->data_root, &headroom);
    return pressure_judge(control->told_pressure, &headroom);
}

static void log_told(const Control *control, bool ready, Pressure pressure)
{
    if (!control->told_all || ready != control->told_ready)
        log_info("node state told", "state=%s", ready ? "Ready" : "NotReady");
    if (!pressure_same(pressure, control->told_pressure))
        log_warn("pressure told", "disk=%d memory=%d", pressure.disk, pressure.memory);
}

static int duty_heartbeat(Control *control, Err *err)
{
    int recheck_ms;
    EngineFacts engine;
    bool ready = engine_is_ready(control->engine, &recheck_ms);

    engine_facts(control->engine, &engine);
    Pressure pressure = pressure_now(control, &engine);
    int proxy_port = ingress_port(control->ingress);
    json_t *body = heartbeat_body(control, ready, &engine, pressure, proxy_port);
    Paces paces = { 0 };
    int rc = rest_heartbeat(control->rest, body, &paces, err);

    json_decref(body);
    if (rc < 0)
        return -1;
    log_told(control, ready, pressure);
    control->refused = false;
    control->due[HEARTBEAT] =
        time_monotonic_ms() + beat_delay_ms(control->heartbeat_ms, !control->told_all);
    set_paces(control, &paces);
    control->told_all = true;
    control->told_ready = ready;
    control->told_arrival = engine.arrivals;
    control->told_pressure = pressure;
    control->told_port = proxy_port;
    if (control->paces_unsure) { /* an answer that was lost may have had new ones */
        int64_t ask = time_monotonic_ms() + random_below_ms(control->heartbeat_ms);
        if (ask < control->due[CHANNEL])
            control->due[CHANNEL] = ask;
        channel_offer_done(&control->offer);
        control->paces_unsure = false;
    }
    return 0;
}

/* What we ask for: as configured; a stream where Postgres is out of this node's reach; else what
 * the server picks. */
static const char *wanted_kind(const Control *control)
{
    if (control->settings->channel != NULL)
        return control->settings->channel;
    return time_monotonic_ms() < control->no_postgres_until ? channel_kind_word(CHANNEL_STREAM)
                                                            : NULL;
}

static int open_channel(Control *control, const ChannelOffer *offer, Err *err)
{
    if (offer->kind == CHANNEL_STREAM)
        return agent_channel_open_stream(offer->url, &control->channel, err);
    if (agent_channel_open_postgres(offer->conninfo, offer->channel, &control->channel, err) == 0) {
        control->postgres_failures = 0;
        return 0;
    }
    if (++control->postgres_failures >= POSTGRES_TRIES) {
        control->postgres_failures = 0;
        control->no_postgres_until = time_monotonic_ms() + POSTGRES_AGAIN_MS;
    }
    return -1;
}

static void channel_opened(Control *control, ChannelKind kind)
{
    log_info("channel open", "kind=%s poll_ms=%" PRId64 " heartbeat_ms=%" PRId64,
             channel_kind_word(kind), control->poll_ms, control->heartbeat_ms);
    outbox_forget_all(control->outbox);
    control->channel_since = time_monotonic_ms();
    control->due[CHANNEL] = NEVER;
}

/* A stream that was lost mostly still holds, and thousands that come back cost the server far less
 * than thousands of new ones. 1: it is open again. 0: to be asked for anew. -1: later. */
static int reopen_channel(Control *control, Err *err)
{
    if (control->channel != NULL || control->offer.kind != CHANNEL_STREAM ||
        control->offer_for != wanted_kind(control))
        return 0;
    if (open_channel(control, &control->offer, err) < 0)
        return err->status == 0 || err->status == BUSY_STATUS ? -1 : 0;
    control->returning = true;
    control->due[FETCH] = 0;
    channel_opened(control, CHANNEL_STREAM);
    return 1;
}

static int duty_channel(Control *control, Err *err)
{
    const char *wanted = wanted_kind(control);
    int rc = reopen_channel(control, err);

    if (rc != 0)
        return rc < 0 ? -1 : 0;
    channel_offer_done(&control->offer);
    if (rest_channel(control->rest, wanted, &control->offer, err) < 0)
        return -1;
    control->offer_for = wanted;
    set_paces(control, &control->offer.paces);
    control->returning = true;
    control->due[FETCH] = 0;
    if (control->offer.kind == CHANNEL_POLL) {
        log_info("no channel, only the slow poll", "poll_ms=%" PRId64, control->poll_ms);
        control->due[CHANNEL] = time_monotonic_ms() + jittered_ms(CHANNEL_AGAIN_MS);
        return 0;
    }
    agent_channel_close(TAKE_PTR(control->channel)); /* revoked by what was just issued */
    ChannelKind kind = control->offer.kind;
    rc = open_channel(control, &control->offer, err);
    if (kind != CHANNEL_STREAM)
        channel_offer_done(&control->offer);
    if (rc == 0)
        channel_opened(control, kind);
    return rc;
}

static int duty_fetch(Control *control, Err *err)
{
    Assignments assignments = { 0 };
    bool changed = false;

    if (rest_assignments(control->rest, &assignments, &changed, err) < 0)
        return -1;
    in_touch(control);
    if (control->returning)
        projects_returned(control->projects);
    control->resync |= control->returning;
    control->returning = false;
    if (changed)
        projects_apply(control->projects, &assignments);
    else
        projects_confirm(control->projects);
    log_debug("assignments fetched", "count=%zu changed=%d resync=%d", assignments.count, changed,
              control->resync);
    assignments_done(&assignments);
    if (control->resync)
        sweep_start(control->settings->docker_host, control->projects);
    control->resync = true; /* unless a wake-up comes first, the next one is the slow poll's */
    control->due[FETCH] = time_monotonic_ms() + jittered_ms(control->poll_ms);
    return 0;
}

static int duty_report(Control *control, Err *err)
{
    OutboxBatch batch = { 0 };
    bool stale = false;

    control->due[REPORT] = NEVER;
    control->reported = time_monotonic_ms();
    while (outbox_take(control->outbox, REPORTS_AT_ONCE, &batch) ||
           deaths_waiting(control->deaths)) {
        int rc = rest_report(control->rest, &batch, control->outbox, control->deaths, &stale, err);
        outbox_batch_done(&batch);
        if (rc < 0)
            return -1;
    }
    if (stale)
        control->due[FETCH] = 0;
    return 0;
}

/* ---- the loop
 * -------------------------------------------------------------------------------------------- */

static void duty_failed(Control *control, int duty, const Err *err)
{
    /* a lease is renewed as soon as it can be: not later than if nothing had failed */
    int64_t max = duty == HEARTBEAT && control->heartbeat_ms < RETRY_MAX_MS ? control->heartbeat_ms
                                                                            : RETRY_MAX_MS;
    int64_t delay = backoff_jittered_ms(RETRY_FIRST_MS, max, control->failures[duty]++);
    int64_t asked = rest_retry_after_ms(control->rest);

    if (asked > delay)
        delay = asked + random_below_ms(asked);
    control->due[duty] = time_monotonic_ms() + delay;
    if (err->kind == ERR_UNAVAILABLE && err->status == 0) {
        control->away_until = control->due[duty];
        control->paces_unsure |= duty == HEARTBEAT;
    }
    control->returning |= duty != CHANNEL; /* which, once there is one, says so itself */
    if (duty == HEARTBEAT && err->status == TAKEN_STATUS)
        control->refused = true;
    if (control->failures[duty] == 1)
        log_warn("control plane refuses or is away", "duty=%s error=%s", duties[duty].name,
                 err->message);
    else
        log_debug("control plane still away", "duty=%s attempt=%d error=%s", duties[duty].name,
                  control->failures[duty], err->message);
    if (err->kind == ERR_NOT_FOUND) { /* it does not know this node (any more) */
        control->registered = false;
        control->due[REGISTER] = 0;
    }
}

/* What failed while the server was away need not wait its time out. */
static void duty_succeeded(Control *control, int duty)
{
    in_touch(control);
    control->away_until = 0;
    if (control->registered && control->returning && control->failures[FETCH] == 0)
        control->due[FETCH] = 0;
    if (control->failures[duty] == 0)
        return;
    log_info("control plane is back", "duty=%s", duties[duty].name);
    control->failures[duty] = 0;
    for (int i = 0; i < DUTY_COUNT; i++)
        if (control->failures[i] > 0 && i != CHANNEL)
            control->due[i] = 0;
}

/* Whatever its time, it has to wait for another duty. */
static bool is_barred(const Control *control, int duty)
{
    return (duty != REGISTER && !control->registered) || (duty > HEARTBEAT && control->refused);
}

static void run_due(Control *control)
{
    for (int i = 0; i < DUTY_COUNT; i++) {
        Err err = { 0 };
        int64_t now = time_monotonic_ms();
        if (control->due[i] > now || control->away_until > now || is_barred(control, i))
            continue;
        if (duties[i].run(control, &err) < 0)
            duty_failed(control, i, &err);
        else
            duty_succeeded(control, i);
    }
}

static int64_t next_due(const Control *control)
{
    int64_t next = NEVER;

    for (int i = 0; i < DUTY_COUNT; i++)
        if (!is_barred(control, i) && control->due[i] < next)
            next = control->due[i];
    return next;
}

/* A state of the node that is not yet told is told at once, and so is where its proxy is. */
static int64_t watch_node(Control *control, int64_t next)
{
    int recheck_ms = -1;
    bool ready = engine_is_ready(control->engine, &recheck_ms);
    int64_t now = time_monotonic_ms();
    int arrivals = engine_arrivals(control->engine);

    if (control->registered && arrivals != control->seen_arrival && control->failures[FETCH] == 0) {
        control->seen_arrival = arrivals; /* what was left there can be found now */
        control->resync = true;
        control->due[FETCH] = next = now;
    }
    if (control->registered && control->told_all && control->failures[HEARTBEAT] == 0 &&
        (ready != control->told_ready || ingress_port(control->ingress) != control->told_port))
        control->due[HEARTBEAT] = next = now;
    return recheck_ms >= 0 && now + recheck_ms < next ? now + recheck_ms : next;
}

/* What many lost together is not asked for by all at once. */
static void channel_lost(Control *control, const Err *err)
{
    int64_t now = time_monotonic_ms();
    int64_t spread = agent_channel_spread_ms(control->channel);

    log_warn("channel lost", "error=%s", err->message);
    agent_channel_close(TAKE_PTR(control->channel));
    if (now - control->channel_since >= SHORT_LIVED_MS)
        control->channel_losses = 0;
    control->due[CHANNEL] =
        now + random_below_ms(spread > 0 ? spread : SPREAD_MS) +
        backoff_jittered_ms(RETRY_FIRST_MS, RETRY_MAX_MS, control->channel_losses++);
}

static void read_channel(Control *control)
{
    bool woken = false;
    Err err = { 0 };

    if (agent_channel_read(control->channel, &woken, &err) < 0) {
        channel_lost(control, &err);
    } else if (woken) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        log_debug("woken", "at=%lld.%09ld", (long long)now.tv_sec, now.tv_nsec);
        if (control->failures[FETCH] == 0) {
            control->resync &= control->due[FETCH] <= time_monotonic_ms(); /* asked for already */
            control->due[FETCH] = 0;
        }
    }
}

/* Reports that came together leave together, and progress no oftener than people can read it. */
static void reports_came(Control *control)
{
    int64_t at = outbox_is_urgent(control->outbox) ? 0 : control->reported + PROGRESS_GAP_MS;

    if (control->failures[REPORT] == 0 && at < control->due[REPORT])
        control->due[REPORT] = at;
}

static void wait_for_something(Control *control, int64_t due)
{
    int64_t now = time_monotonic_ms();
    int64_t until = due > control->away_until ? due : control->away_until;
    int64_t wait = until <= now ? 0 : until - now < INT32_MAX ? until - now : INT32_MAX;
    uint64_t wakes;

    if (agent_channel_wait(control->channel, control->wake_fd, (int)wait) &&
        read(control->wake_fd, &wakes, sizeof(wakes)) > 0)
        reports_came(control);
    if (control->channel != NULL)
        read_channel(control);
}

static void *control_thread(void *arg)
{
    Control *control = arg;

    for (;;) {
        run_due(control);
        wait_for_something(control, watch_node(control, next_due(control)));
    }
    return NULL;
}

void control_wake(void *arg)
{
    const Control *control = arg;
    const uint64_t one = 1;

    if (write(control->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: it is awake already */
}

Control *control_new(const Settings *settings, Err *err)
{
    Control *control = mem_alloc(sizeof(*control));

    *control = (Control){ .settings = settings,
                          .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                          .poll_ms = DEFAULT_PACE_MS,
                          .heartbeat_ms = settings->heartbeat_interval_ms > 0
                                              ? settings->heartbeat_interval_ms
                                              : DEFAULT_PACE_MS };
    for (int i = 0; i < DUTY_COUNT; i++)
        control->due[i] = i == REGISTER ? 0 : NEVER;
    if (rest_new(settings->server_url, settings->node_name, &control->rest, err) < 0) {
        free(control);
        return NULL;
    }
    return control;
}

int control_start(Control *control, Engine *engine, Outbox *outbox, Deaths *deaths,
                  Projects *projects, Ingress *ingress)
{
    control->engine = engine;
    control->outbox = outbox;
    control->deaths = deaths;
    control->projects = projects;
    control->ingress = ingress;
    return thread_start("control", control_thread, control);
}
