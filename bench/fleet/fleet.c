#include "fleet.h"

#include "backoff.h"
#include "sse.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 256
#define PATH_SIZE      160
#define MARK_SIZE      48
#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS   10000
#define SPREAD_MS      1000
#define DEFAULT_MS     30000

const char *const request_words[REQUEST_COUNT] = { [REGISTER] = "register",
                                                   [HEARTBEAT] = "heartbeat",
                                                   [CHANNEL] = "channel",
                                                   [FETCH] = "fetch",
                                                   [REPORT] = "report" };

/* What epoll hands back: the first member of what it is about. */
typedef enum TagKind { TAG_WAKE, TAG_LINE, TAG_STREAM, TAG_POSTGRES } TagKind;

typedef struct Tag {
    TagKind kind;
    int index; /* of the agent, or of the line */
} Tag;

typedef struct Agent Agent;

/* A connection for requests, one agent's or, when there may not be so many, of a few in turn. */
typedef struct Line {
    Tag tag;
    Wire wire;
    Agent *busy; /* whose request is under way */
    Agent *first;
    Agent *last;
} Line;

struct Agent {
    char name[40];
    const char *kind;
    int index;
    Tag stream_tag;
    Tag postgres_tag;
    Line *line;
    Agent *next; /* in the line's queue */
    bool queued;
    Wire stream;
    bool streaming; /* the stream's head is there */
    PGconn *postgres;
    char listen[80];     /* the LISTEN of it */
    char url[PATH_SIZE]; /* of a stream that may still hold, or "" */
    Sse sse;
    int wanted;  /* a bit for each request to be made */
    int current; /* under way, or -1 */
    int failures[REQUEST_COUNT];
    int losses;
    int64_t due[REQUEST_COUNT]; /* ms; 0: not */
    int64_t heartbeat_ms;
    int64_t poll_ms;
    bool told_all;
    bool settled; /* a channel is open and was fetched after */
    char etag[80];
    char *report; /* the body to be sent, or NULL */
    char mark[MARK_SIZE];
    double since; /* of what is expected; 0: nothing is */
};

typedef struct Timer {
    int64_t at;
    int agent;
    Request request;
} Timer;

struct Fleet {
    pthread_mutex_t lock;
    struct sockaddr_in server;
    char host[64];
    int epoll_fd;
    Tag wake_tag;
    int wake_fd;
    Agent **agents;
    int count;
    Line **lines;
    int line_max;
    Timer *timers; /* a heap; entries that are not due[] any more are passed over */
    size_t timer_count;
    size_t timer_cap;
    int settled;
    Counts counts;
    double *took;
    size_t took_count;
    size_t took_cap;
    int missing;
    int listening;   /* 1 or 0; asked for by another thread */
    bool listen_new; /* ... and not yet done */
    pthread_cond_t listened;
};

double clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int64_t now_ms(void)
{
    return (int64_t)(clock_now() * 1000);
}

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* ---- timers ---- */

static void timer_push(Fleet *fleet, Timer timer)
{
    if (fleet->timer_count == fleet->timer_cap) {
        fleet->timer_cap = fleet->timer_cap == 0 ? 1024 : fleet->timer_cap * 2;
        fleet->timers = must(realloc(fleet->timers, fleet->timer_cap * sizeof(Timer)));
    }
    size_t i = fleet->timer_count++;
    for (; i > 0 && fleet->timers[(i - 1) / 2].at > timer.at; i = (i - 1) / 2)
        fleet->timers[i] = fleet->timers[(i - 1) / 2];
    fleet->timers[i] = timer;
}

static Timer timer_pop(Fleet *fleet)
{
    Timer first = fleet->timers[0];
    Timer last = fleet->timers[--fleet->timer_count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= fleet->timer_count)
            break;
        if (child + 1 < fleet->timer_count && fleet->timers[child + 1].at < fleet->timers[child].at)
            child++;
        if (fleet->timers[child].at >= last.at)
            break;
        fleet->timers[i] = fleet->timers[child];
        i = child;
    }
    fleet->timers[i] = last;
    return first;
}

static void schedule(Fleet *fleet, Agent *agent, Request request, int64_t delay)
{
    agent->due[request] = now_ms() + (delay > 0 ? delay : 1);
    timer_push(fleet,
               (Timer){ .at = agent->due[request], .agent = agent->index, .request = request });
}

/* ---- requests ---- */

static void retry_after(Fleet *fleet, Agent *agent, Request request, int64_t asked)
{
    int64_t delay = backoff_jittered_ms(RETRY_FIRST_MS, RETRY_MAX_MS, agent->failures[request]++);

    schedule(fleet, agent, request, asked > delay ? asked + random_below_ms(asked) : delay);
}

static void retry(Fleet *fleet, Agent *agent, Request request)
{
    retry_after(fleet, agent, request, 0);
}

static void pump(Fleet *fleet, Line *line);

static void queue_up(Agent *agent)
{
    Line *line = agent->line;

    if (agent->queued || agent->current >= 0 || agent->wanted == 0)
        return;
    agent->queued = true;
    agent->next = NULL;
    if (line->first == NULL)
        line->first = agent;
    else
        line->last->next = agent;
    line->last = agent;
}

static Agent *leave_queue(Line *line)
{
    Agent *agent = line->first;

    if (agent != NULL) {
        line->first = agent->next;
        agent->queued = false;
    }
    return agent;
}

static void want(Fleet *fleet, Agent *agent, Request request)
{
    agent->due[request] = 0;
    agent->wanted |= 1 << request;
    queue_up(agent);
    pump(fleet, agent->line);
}

static void give_up(Fleet *fleet, Agent *agent)
{
    for (int i = 0; i < REQUEST_COUNT; i++)
        if ((agent->wanted & 1 << i) != 0)
            retry(fleet, agent, (Request)i);
    agent->wanted = 0;
}

static void line_lost(Fleet *fleet, Line *line)
{
    Agent *agent = line->busy;

    wire_close(&line->wire);
    if (agent != NULL) {
        fleet->counts.lost[agent->current]++;
        agent->wanted |= 1 << agent->current;
        agent->current = -1;
        line->busy = NULL;
        give_up(fleet, agent);
    }
    while ((agent = leave_queue(line)) != NULL)
        give_up(fleet, agent);
}

static int compose(const Fleet *fleet, const Agent *agent, Request request, char *out, size_t size)
{
    static const char facts[] =
        "{\"state\":\"Ready\",\"network\":{\"ip\":\"127.0.0.1\",\"mode\":\"Direct\",\"agentPort\":"
        "9090},"
        "\"capacity\":{\"cpu\":\"8\",\"memory\":\"16303428Ki\"},"
        "\"allocatable\":{\"cpu\":\"8\",\"memory\":\"16303428Ki\"},"
        "\"info\":{\"agentVersion\":\"fleet\",\"architecture\":\"amd64\"},\"pressure\":[]}";
    char path[PATH_SIZE];
    char extra[128] = "";
    char body[256] = "";
    const char *content = body;

    snprintf(path, sizeof(path), "/api/v1/nodes/%s/%s", agent->name,
             request == FETCH ? "assignments" : request_words[request]);
    if (request == REGISTER) {
        snprintf(path, sizeof(path), "/api/v1/nodes");
        snprintf(body, sizeof(body),
                 "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"hostname\":\"%s\"}}", agent->name,
                 agent->name);
    } else if (request == HEARTBEAT && !agent->told_all) {
        content = facts;
    } else if (request == CHANNEL) {
        snprintf(body, sizeof(body), agent->kind != NULL ? "{\"kind\":\"%s\"}" : "{}",
                 agent->kind != NULL ? agent->kind : "");
    } else if (request == FETCH && agent->etag[0] != '\0') {
        snprintf(extra, sizeof(extra), "If-None-Match: %s\r\n", agent->etag);
    } else if (request == REPORT && agent->report != NULL) {
        content = agent->report;
    }
    if (request == FETCH)
        return snprintf(out, size, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, fleet->host,
                        extra);
    return snprintf(out, size, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n%s",
                    path, fleet->host, strlen(content), content);
}

static void pump(Fleet *fleet, Line *line)
{
    char text[8192];
    int request = 0;

    if (line->busy != NULL || line->first == NULL || line->wire.connecting)
        return;
    if (line->wire.fd < 0) {
        if (wire_connect(&line->wire, &fleet->server, fleet->epoll_fd, &line->tag) < 0)
            line_lost(fleet, line);
        return;
    }
    Agent *agent = leave_queue(line);
    while ((agent->wanted & 1 << request) == 0)
        request++;
    agent->wanted &= ~(1 << request);
    agent->current = request;
    line->busy = agent;
    int len = compose(fleet, agent, (Request)request, text, sizeof(text));
    if (len <= 0 || (size_t)len >= sizeof(text) || wire_send(&line->wire, text, (size_t)len) < 0)
        line_lost(fleet, line);
}

/* ---- channels ---- */

static void unsettle(Fleet *fleet, Agent *agent)
{
    fleet->settled -= agent->settled;
    agent->settled = false;
}

static void channel_lost(Fleet *fleet, Agent *agent)
{
    int64_t spread = agent->sse.retry_ms > 0 ? agent->sse.retry_ms : SPREAD_MS;

    wire_close(&agent->stream);
    if (agent->postgres != NULL)
        PQfinish(agent->postgres);
    agent->postgres = NULL;
    agent->streaming = false;
    unsettle(fleet, agent);
    fleet->counts.losses++;
    agent->sse = (Sse){ .retry_ms = agent->sse.retry_ms };
    schedule(fleet, agent, CHANNEL,
             random_below_ms(spread) +
                 backoff_jittered_ms(RETRY_FIRST_MS, RETRY_MAX_MS, agent->losses++));
}

static void open_stream(Fleet *fleet, Agent *agent)
{
    wire_close(&agent->stream);
    agent->streaming = false;
    if (wire_connect(&agent->stream, &fleet->server, fleet->epoll_fd, &agent->stream_tag) < 0)
        channel_lost(fleet, agent);
}

/* A session that is ended says so in a notice: here that is a loss like any other. */
static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

/* Blocks for some milliseconds: it is for a thousand at most, before anything is measured. */
static void open_postgres(Fleet *fleet, Agent *agent, const char *conninfo)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = &agent->postgres_tag };

    if (agent->postgres != NULL)
        PQfinish(agent->postgres);
    agent->postgres = PQconnectdb(conninfo);
    if (PQstatus(agent->postgres) != CONNECTION_OK ||
        epoll_ctl(fleet->epoll_fd, EPOLL_CTL_ADD, PQsocket(agent->postgres), &event) < 0) {
        fprintf(stderr, "fleet: %s", PQerrorMessage(agent->postgres));
        channel_lost(fleet, agent);
        return;
    }
    PQsetNoticeProcessor(agent->postgres, ignore_notice, NULL);
    PQclear(PQexec(agent->postgres, fleet->listening ? agent->listen : "UNLISTEN *"));
    want(fleet, agent, FETCH);
}

static void woken(Fleet *fleet, Agent *agent)
{
    fleet->counts.wakes++;
    want(fleet, agent, FETCH);
}

/* 503 says later, anything else that the stream does not hold any more. */
static void stream_refused(Fleet *fleet, Agent *agent, const Answer *answer)
{
    int64_t asked = (int64_t)answer->retry_after * 1000;

    fleet->counts.refused[CHANNEL]++;
    if (answer->status != 503)
        agent->url[0] = '\0';
    wire_close(&agent->stream);
    retry_after(fleet, agent, CHANNEL, asked);
}

static void read_stream(Fleet *fleet, Agent *agent)
{
    bool ended = wire_read(&agent->stream) < 0;
    Answer answer;

    if (!agent->streaming && wire_answer(&agent->stream, &answer)) {
        if (answer.status != 200) {
            stream_refused(fleet, agent, &answer);
            return;
        }
        agent->streaming = true;
        want(fleet, agent, FETCH);
    }
    if (agent->streaming && !ended) {
        /* The lines that frame chunks are to the reader fields that it does not know. */
        size_t wakes = sse_read(&agent->sse, agent->stream.in, agent->stream.len);
        wire_forget(&agent->stream);
        if (wakes > 0)
            woken(fleet, agent);
    }
    if (ended)
        channel_lost(fleet, agent);
}

static void stream_ready(Fleet *fleet, Agent *agent, uint32_t events)
{
    char text[512];

    if (agent->stream.fd < 0)
        return;
    if (agent->stream.connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        int len = snprintf(text, sizeof(text),
                           "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n",
                           agent->url, fleet->host);
        if (!wire_connected(&agent->stream) || wire_send(&agent->stream, text, (size_t)len) < 0) {
            channel_lost(fleet, agent);
            return;
        }
    }
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        read_stream(fleet, agent);
}

static void postgres_ready(Fleet *fleet, Agent *agent)
{
    PGnotify *notify;
    bool any = false;

    if (agent->postgres == NULL)
        return;
    if (PQconsumeInput(agent->postgres) == 0 || PQstatus(agent->postgres) != CONNECTION_OK) {
        channel_lost(fleet, agent);
        return;
    }
    while ((notify = PQnotifies(agent->postgres)) != NULL) {
        PQfreemem(notify);
        any = true;
    }
    if (any)
        woken(fleet, agent);
}

/* ---- answers ---- */

/* "30s", "30000ms" */
static int64_t pace(const json_t *answer, const char *key, int64_t otherwise)
{
    const char *text = json_string_value(json_object_get(answer, key));
    char *unit = NULL;
    double value = text != NULL ? strtod(text, &unit) : 0;

    if (value <= 0)
        return otherwise;
    return (int64_t)(strcmp(unit, "ms") == 0  ? value
                     : strcmp(unit, "m") == 0 ? value * 60000
                                              : value * 1000);
}

static void take_channel(Fleet *fleet, Agent *agent, const Answer *answer)
{
    json_t *json = json_loads(answer->body, JSON_DISABLE_EOF_CHECK, NULL);
    const char *kind = json_string_value(json_object_get(json, "kind"));
    const char *url = json_string_value(json_object_get(json, "url"));
    const char *conninfo = json_string_value(json_object_get(json, "conninfo"));
    const char *channel = json_string_value(json_object_get(json, "channel"));

    agent->heartbeat_ms = pace(json, "heartbeatInterval", agent->heartbeat_ms);
    agent->poll_ms = pace(json, "pollInterval", agent->poll_ms);
    if (kind != NULL && strcmp(kind, "stream") == 0 && url != NULL) {
        snprintf(agent->url, sizeof(agent->url), "%s", url);
        open_stream(fleet, agent);
    } else if (conninfo != NULL && channel != NULL) {
        snprintf(agent->listen, sizeof(agent->listen), "LISTEN %s", channel);
        open_postgres(fleet, agent, conninfo);
    } else {
        want(fleet, agent, FETCH);
    }
    json_decref(json);
}

/* What is new in the list is reported to be running, all of it in one request. */
static void take_list(Fleet *fleet, Agent *agent, const Answer *answer)
{
    json_t *list = json_loads(answer->body, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *reports = json_array();
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(list, "items"), i, item) {
        const char *project = json_string_value(json_object_get(item, "project"));
        const char *desired = json_string_value(json_object_get(item, "desired"));
        const char *phase = json_string_value(json_object_get(item, "phase"));
        bool removed = desired != NULL && strcmp(desired, "Removed") == 0;
        const char *wish = removed ? "Terminated" : "Running";
        if (project == NULL || (phase != NULL && strcmp(phase, wish) == 0))
            continue;
        json_array_append_new(
            reports, json_pack("{s:s, s:O, s:O, s:s, s:s}", "project", project, "epoch",
                               json_object_get(item, "epoch"), "generation",
                               json_object_get(item, "generation"), "phase", wish, "reason",
                               removed ? "ResourcesRemoved" : "ContainersRunning"));
    }
    free(agent->report);
    agent->report = NULL;
    if (json_array_size(reports) > 0) {
        json_t *body = json_pack("{s:O}", "reports", reports);
        agent->report = json_dumps(body, JSON_COMPACT);
        json_decref(body);
        want(fleet, agent, REPORT);
    }
    json_decref(reports);
    json_decref(list);
}

static void note_moment(Fleet *fleet, Agent *agent, const Answer *answer)
{
    if (agent->since <= 0 || strstr(answer->body, agent->mark) == NULL)
        return;
    if (fleet->took_count == fleet->took_cap) {
        fleet->took_cap = fleet->took_cap == 0 ? 1024 : fleet->took_cap * 2;
        fleet->took = must(realloc(fleet->took, fleet->took_cap * sizeof(double)));
    }
    fleet->took[fleet->took_count++] = clock_now() - agent->since;
    agent->since = 0;
    fleet->missing--;
}

static void fetched(Fleet *fleet, Agent *agent, const Answer *answer)
{
    if (answer->status == 200) {
        note_moment(fleet, agent, answer);
        memcpy(agent->etag, answer->etag, sizeof(agent->etag));
        take_list(fleet, agent, answer);
    } else {
        fleet->counts.unchanged++;
    }
    if (!agent->settled && (agent->streaming || agent->postgres != NULL)) {
        agent->settled = true;
        agent->losses = 0;
        agent->failures[CHANNEL] = 0;
        fleet->settled++;
    }
    schedule(fleet, agent, FETCH, jittered_ms(agent->poll_ms));
}

static void answered(Fleet *fleet, Agent *agent, Request request, const Answer *answer)
{
    switch (request) {
    case REGISTER:
        agent->told_all = false;
        agent->url[0] = '\0';
        want(fleet, agent, HEARTBEAT);
        want(fleet, agent, CHANNEL);
        break;
    case HEARTBEAT:
        schedule(fleet, agent, HEARTBEAT, beat_delay_ms(agent->heartbeat_ms, !agent->told_all));
        agent->told_all = true;
        if (answer->status == 200) {
            json_t *json = json_loads(answer->body, JSON_DISABLE_EOF_CHECK, NULL);
            agent->heartbeat_ms = pace(json, "heartbeatInterval", agent->heartbeat_ms);
            schedule(fleet, agent, HEARTBEAT, beat_delay_ms(agent->heartbeat_ms, true));
            json_decref(json);
        }
        break;
    case CHANNEL:
        take_channel(fleet, agent, answer);
        break;
    case FETCH:
        fetched(fleet, agent, answer);
        break;
    case REPORT:
    case REQUEST_COUNT:
        break;
    }
}

static bool is_success(Request request, int status)
{
    switch (request) {
    case REGISTER:
        return status == 201 || status == 409;
    case FETCH:
        return status == 200 || status == 304;
    default:
        return status == 200 || status == 204;
    }
}

static void take_answer(Fleet *fleet, Agent *agent, const Answer *answer)
{
    Request request = (Request)agent->current;

    agent->current = -1;
    if (is_success(request, answer->status)) {
        fleet->counts.answered[request]++;
        agent->failures[request] = 0;
        answered(fleet, agent, request, answer);
    } else {
        fleet->counts.refused[request]++;
        retry_after(fleet, agent, answer->status == 404 && request != REPORT ? REGISTER : request,
                    answer->retry_after * 1000);
    }
    queue_up(agent);
}

static void line_ready(Fleet *fleet, Line *line, uint32_t events)
{
    Answer answer;

    if (line->wire.fd < 0)
        return;
    if (line->wire.connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        if (!wire_connected(&line->wire)) {
            line_lost(fleet, line);
            return;
        }
        pump(fleet, line);
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0 || line->wire.fd < 0)
        return;
    bool ended = wire_read(&line->wire) < 0;
    if (line->busy != NULL && wire_answer(&line->wire, &answer)) {
        take_answer(fleet, line->busy, &answer);
        line->busy = NULL;
        wire_forget(&line->wire);
    }
    if (ended)
        line_lost(fleet, line);
    else
        pump(fleet, line);
}

/* ---- the loop ---- */

static void run_timers(Fleet *fleet)
{
    int64_t now = now_ms();

    while (fleet->timer_count > 0 && fleet->timers[0].at <= now) {
        Timer timer = timer_pop(fleet);
        Agent *agent = fleet->agents[timer.agent];
        if (agent->due[timer.request] != timer.at)
            continue;
        if (timer.request == CHANNEL && agent->url[0] != '\0')
            open_stream(fleet, agent); /* the one it had, as cara-agent does */
        else
            want(fleet, agent, timer.request);
    }
}

static void set_listening(Fleet *fleet)
{
    if (!fleet->listen_new)
        return;
    for (int i = 0; i < fleet->count; i++) {
        Agent *agent = fleet->agents[i];
        if (agent->postgres != NULL)
            PQclear(PQexec(agent->postgres, fleet->listening ? agent->listen : "UNLISTEN *"));
    }
    fleet->listen_new = false;
    pthread_cond_broadcast(&fleet->listened);
}

static void handle(Fleet *fleet, const struct epoll_event *event)
{
    const Tag *tag = event->data.ptr;
    uint64_t ignored;

    switch (tag->kind) {
    case TAG_WAKE:
        if (read(fleet->wake_fd, &ignored, sizeof(ignored)) < 0)
            return;
        break;
    case TAG_LINE:
        line_ready(fleet, fleet->lines[tag->index], event->events);
        break;
    case TAG_STREAM:
        stream_ready(fleet, fleet->agents[tag->index], event->events);
        break;
    case TAG_POSTGRES:
        postgres_ready(fleet, fleet->agents[tag->index]);
        break;
    }
}

static void *loop(void *arg)
{
    Fleet *fleet = arg;
    struct epoll_event events[EVENTS_AT_ONCE];

    pthread_mutex_lock(&fleet->lock);
    for (;;) {
        int64_t wait = fleet->timer_count > 0 ? fleet->timers[0].at - now_ms() : 1000;
        pthread_mutex_unlock(&fleet->lock);
        int count = epoll_wait(fleet->epoll_fd, events, EVENTS_AT_ONCE, wait > 0 ? (int)wait : 0);
        pthread_mutex_lock(&fleet->lock);
        for (int i = 0; i < count; i++)
            handle(fleet, &events[i]);
        set_listening(fleet);
        run_timers(fleet);
    }
    return NULL;
}

/* ---- the outside ---- */

static void wake(const Fleet *fleet)
{
    const uint64_t one = 1;

    if (write(fleet->wake_fd, &one, sizeof(one)) < 0)
        return; /* awake already */
}

Fleet *fleet_new(const char *server_url, int line_max)
{
    Fleet *fleet = must(calloc(1, sizeof(*fleet)));
    unsigned port = 0;
    pthread_t thread;

    if (sscanf(server_url, "http://127.0.0.1:%u", &port) != 1)
        return NULL;
    pthread_mutex_init(&fleet->lock, NULL);
    pthread_cond_init(&fleet->listened, NULL);
    snprintf(fleet->host, sizeof(fleet->host), "127.0.0.1:%u", port);
    fleet->server = (struct sockaddr_in){ .sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)port),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    fleet->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    fleet->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fleet->wake_tag.kind = TAG_WAKE;
    fleet->listening = 1;
    fleet->line_max = line_max;
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = &fleet->wake_tag };
    if (epoll_ctl(fleet->epoll_fd, EPOLL_CTL_ADD, fleet->wake_fd, &event) < 0 ||
        pthread_create(&thread, NULL, loop, fleet) != 0)
        return NULL;
    pthread_detach(thread);
    return fleet;
}

static Line *line_of(Fleet *fleet, int agent)
{
    if (agent >= fleet->line_max)
        return fleet->lines[agent % fleet->line_max];
    Line *line = must(calloc(1, sizeof(*line)));
    line->tag = (Tag){ TAG_LINE, agent };
    line->wire.fd = -1;
    fleet->lines = must(realloc(fleet->lines, (size_t)(agent + 1) * sizeof(fleet->lines[0])));
    fleet->lines[agent] = line;
    return line;
}

int fleet_add(Fleet *fleet, const char *prefix, int count, const char *kind, double per_second)
{
    pthread_mutex_lock(&fleet->lock);
    int first = fleet->count;
    fleet->count += count;
    fleet->agents = must(realloc(fleet->agents, (size_t)fleet->count * sizeof(fleet->agents[0])));
    for (int i = first; i < fleet->count; i++) {
        Agent *agent = must(calloc(1, sizeof(*agent)));
        snprintf(agent->name, sizeof(agent->name), "%s%d", prefix, i - first);
        agent->kind = kind;
        agent->index = i;
        agent->line = line_of(fleet, i);
        agent->stream_tag = (Tag){ TAG_STREAM, i };
        agent->postgres_tag = (Tag){ TAG_POSTGRES, i };
        agent->stream.fd = -1;
        agent->current = -1;
        agent->heartbeat_ms = agent->poll_ms = DEFAULT_MS;
        fleet->agents[i] = agent;
        schedule(fleet, agent, REGISTER, (int64_t)((i - first) * 1000 / per_second));
    }
    pthread_mutex_unlock(&fleet->lock);
    wake(fleet);
    return first;
}

int fleet_settled(Fleet *fleet)
{
    pthread_mutex_lock(&fleet->lock);
    int settled = fleet->settled;
    pthread_mutex_unlock(&fleet->lock);
    return settled;
}

Counts fleet_counts(Fleet *fleet)
{
    pthread_mutex_lock(&fleet->lock);
    Counts counts = fleet->counts;
    pthread_mutex_unlock(&fleet->lock);
    return counts;
}

void fleet_drop(Fleet *fleet)
{
    pthread_mutex_lock(&fleet->lock);
    for (int i = 0; i < fleet->count; i++)
        if (fleet->agents[i]->stream.fd >= 0)
            channel_lost(fleet, fleet->agents[i]);
    pthread_mutex_unlock(&fleet->lock);
    wake(fleet);
}

void fleet_listen(Fleet *fleet, bool on)
{
    pthread_mutex_lock(&fleet->lock);
    fleet->listening = on;
    fleet->listen_new = true;
    wake(fleet);
    while (fleet->listen_new)
        pthread_cond_wait(&fleet->listened, &fleet->lock);
    pthread_mutex_unlock(&fleet->lock);
}

void fleet_expect(Fleet *fleet, int agent, const char *mark)
{
    pthread_mutex_lock(&fleet->lock);
    for (int i = 0; i < fleet->count; i++) {
        if (agent >= 0 && i != agent)
            continue;
        Agent *a = fleet->agents[i];
        fleet->missing += a->since <= 0;
        snprintf(a->mark, sizeof(a->mark), "%s", mark);
        a->since = clock_now();
    }
    pthread_mutex_unlock(&fleet->lock);
}

int fleet_missing(Fleet *fleet)
{
    pthread_mutex_lock(&fleet->lock);
    int missing = fleet->missing;
    pthread_mutex_unlock(&fleet->lock);
    return missing;
}

double *fleet_take(Fleet *fleet, size_t *ret_count)
{
    pthread_mutex_lock(&fleet->lock);
    double *took = fleet->took;
    *ret_count = fleet->took_count;
    fleet->took = NULL;
    fleet->took_count = fleet->took_cap = 0;
    fleet->missing = 0;
    for (int i = 0; i < fleet->count; i++)
        fleet->agents[i]->since = 0;
    pthread_mutex_unlock(&fleet->lock);
    return took;
}
