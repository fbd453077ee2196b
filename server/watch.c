#include "watch.h"

#include "answer.h"
#include "parking.h"
#include "problem.h"
#include "stream.h"

#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/text.h"
#include "cara/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define READERS_MAX 16 /* watchers that read alone at a time; each holds a page */
#define PAGE_FIRST  50 /* rows; then by what a row weighs */
#define TICK_MS     1000
#define UNTAKEN_MS  30000 /* for one piece; what comes behind it is bounded in bytes */
#define NUMBER_MAX  24
#define STATUS_MAX  (64 * 1024)

enum { STATEMENT_START, STATEMENT_READ };

const char *const watch_statements[WATCH_STATEMENTS] = {
    [STATEMENT_START] =
        "SELECT id, name, line FROM api.watch_start($1::text, $2::jsonb, $3::text, $4::int)",
    [STATEMENT_READ] =
        "SELECT id, line FROM api.watch_read($1::text, $2::jsonb, $3::bigint, $4::int)",
};

typedef enum WatcherState {
    WATCHER_QUEUED,  /* for a turn to read alone */
    WATCHER_READING, /* its call is under way */
    WATCHER_TAKING,  /* the client takes what was read */
    WATCHER_LIVE,    /* a member of its feed */
    WATCHER_ENDING,
} WatcherState;

typedef struct Watcher {
    FeedMember member;
    h2o_linklist_t link; /* of all, or of those queued */
    Watches *watches;
    h2o_req_t *req;
    Stream *stream; /* NULL until the head is sent */
    WatcherState state;
    PoolCall *call;
    const char *kind;
    const char *filter;
    bool bookmarks;
    int64_t deadline_ms; /* INT64_MAX for none */
    bool listing;        /* reads what is there; then what has changed since it began to */
    bool caught_up;      /* what was read last was the end of the log */
    char *after_name;    /* of the listing: its own memory */
    int64_t position;    /* -1 until the first page of the listing tells */
    int limit;
    char after[NUMBER_MAX]; /* of the call */
    char rows[NUMBER_MAX];
    Block *page; /* read and not yet sent */
    Block *hold; /* under way */
    char *last;  /* line to be said before the end */
    int64_t sent_ms;
} Watcher;

struct Watches {
    WatchesOptions options;
    h2o_linklist_t queued;
    h2o_linklist_t others;
    size_t count;
    size_t reading; /* watchers in READING and TAKING */
    bool ending;
    h2o_timeout_t second;
    h2o_timeout_entry_t tick;
};

static void ask(Watcher *watcher);
static void pump(Watcher *watcher);

/* ---- turns ---- */

static void put_in(Watcher *watcher, h2o_linklist_t *list)
{
    if (h2o_linklist_is_linked(&watcher->link))
        h2o_linklist_unlink(&watcher->link);
    h2o_linklist_insert(list, &watcher->link);
}

static bool reads_alone(const Watcher *watcher)
{
    return watcher->state == WATCHER_READING || watcher->state == WATCHER_TAKING;
}

static void set_state(Watcher *watcher, WatcherState state)
{
    Watches *watches = watcher->watches;

    watches->reading -= reads_alone(watcher) ? 1 : 0;
    watcher->state = state;
    watches->reading += reads_alone(watcher) ? 1 : 0;
    put_in(watcher, state == WATCHER_QUEUED ? &watches->queued : &watches->others);
}

static void next_in_queue(Watches *watches)
{
    while (!watches->ending && watches->reading < READERS_MAX &&
           !h2o_linklist_is_empty(&watches->queued)) {
        Watcher *next = H2O_STRUCT_FROM_MEMBER(Watcher, link, watches->queued.next);
        ask(next);
        if (next->state ==
            WATCHER_QUEUED) /* the database takes no more now: the tick tries again */
            return;
    }
}

/* ---- ending ---- */

/* The ERROR event: a Status as Kubernetes has it. */
static char *error_line(int status, const char *why)
{
    Buf line;

    buf_init(&line, STATUS_MAX);
    buf_add_str(&line, "{\"type\":\"ERROR\",\"object\":{\"apiVersion\":\"caravanserai/v1\","
                       "\"kind\":\"Status\",\"status\":\"Failure\",\"message\":");
    text_add_json(&line, why, strlen(why));
    buf_printf(&line, ",\"reason\":\"%s\",\"code\":%d}}\n",
               status == 410 ? "Expired" : "InternalError", status);
    return buf_take(&line);
}

static void end(Watcher *watcher)
{
    feeds_leave(&watcher->member);
    set_state(watcher, WATCHER_ENDING);
    next_in_queue(watcher->watches);
}

static void end_with(Watcher *watcher, const char *sqlstate, const char *why)
{
    int status = problem_rule(sqlstate)->status;

    if (watcher->state == WATCHER_ENDING)
        return;
    end(watcher);
    watcher->sent_ms =
        time_monotonic_ms(); /* to take why it ended, it has as long as for a piece */
    block_unref(TAKE_PTR(watcher->page));
    watcher->last = error_line(status, status == 500 ? "Internal server error" : why);
    pump(watcher);
}

static void end_well(Watcher *watcher)
{
    if (watcher->state == WATCHER_ENDING)
        return;
    end(watcher);
    block_unref(TAKE_PTR(watcher->page));
    pump(watcher);
}

static void on_broken(FeedMember *member, const char *sqlstate, const char *why)
{
    end_with(H2O_STRUCT_FROM_MEMBER(Watcher, member, member), sqlstate, why);
}

/* Before the head there is an answer to give. */
static void give_up(Watcher *watcher, const PGresult *result, const char *unavailable)
{
    end(watcher);
    if (unavailable != NULL)
        answer_unavailable(watcher->req, unavailable);
    else
        answer_failure(watcher->req, result,
                       watcher->listing ? "api.watch_start" : "api.watch_read", false);
}

/* ---- sending ---- */

static void send_piece(Watcher *watcher, const char *data, size_t len)
{
    watcher->sent_ms = time_monotonic_ms();
    stream_send(watcher->stream, data, len);
}

static void go_on(Watcher *watcher);

/* Sends what is next, when nothing is under way. */
static void pump(Watcher *watcher)
{
    const char *data;
    size_t len;

    if (watcher->stream == NULL || stream_is_busy(watcher->stream))
        return;
    block_unref(TAKE_PTR(watcher->hold));
    if (watcher->state == WATCHER_ENDING) {
        if (watcher->last != NULL)
            send_piece(watcher, watcher->last, strlen(watcher->last));
        stream_end(watcher->stream);
    } else if (watcher->page != NULL) {
        watcher->hold = TAKE_PTR(watcher->page);
        send_piece(watcher, watcher->hold->data, watcher->hold->len);
    } else if (watcher->state == WATCHER_TAKING) {
        go_on(watcher);
    } else if (watcher->state == WATCHER_LIVE &&
               feeds_take(&watcher->member, watcher->bookmarks, &data, &len, &watcher->hold)) {
        send_piece(watcher, data, len);
    }
}

static void on_more(FeedMember *member)
{
    pump(H2O_STRUCT_FROM_MEMBER(Watcher, member, member));
}

static void on_sent(void *arg)
{
    pump(arg);
}

static void on_closed(void *arg)
{
    (void)arg; /* the request goes with its stream, and the watcher with its request */
}

static void open_stream(Watcher *watcher)
{
    if (watcher->stream != NULL)
        return;
    parking_leave(watcher->req);
    watcher->sent_ms = time_monotonic_ms();
    watcher->stream =
        stream_open(watcher->req, "application/json;stream=watch",
                    &(StreamOwner){ .sent = on_sent, .closed = on_closed, .arg = watcher });
}

/* ---- reading alone ---- */

static bool join(Watcher *watcher, bool make)
{
    Feeds *feeds = hub_feeds(watcher->watches->options.hub);
    int joined = feeds_join(feeds, &watcher->member, watcher->kind, watcher->filter,
                            watcher->position, make);

    if (joined < 0)
        end_with(watcher, "SR503", "too many different watches: try again");
    if (joined <= 0)
        return joined < 0;
    set_state(watcher, WATCHER_LIVE);
    if (watcher->bookmarks) /* says that all that was there has been said */
        watcher->page = block_new_bookmark(watcher->kind, watcher->position, NULL);
    return true;
}

/* What was read has been taken. */
static void go_on(Watcher *watcher)
{
    Watches *watches = watcher->watches;

    if (watcher->caught_up && join(watcher, true))
        pump(watcher);
    else
        ask(watcher);
    next_in_queue(watches);
}

static void take_page(Watcher *watcher, const PGresult *result)
{
    int64_t position = feed_rows_position(result);
    int last = PQntuples(result) - 1;

    watcher->limit = feed_next_limit(result, watcher->listing ? 2 : 1, watcher->limit);
    if (watcher->listing) {
        watcher->page = block_new(result, 0, 2, 0, position, NULL);
        if (watcher->position < 0)
            watcher->position = position; /* what changes from here on comes after the listing */
        free(watcher->after_name);
        watcher->after_name =
            PQgetisnull(result, last, 1) ? NULL : mem_strdup(PQgetvalue(result, last, 1));
        watcher->listing = watcher->after_name != NULL;
    } else {
        watcher->page = block_new(result, 0, 1, watcher->position, position, NULL);
        /* the rows are of some of the ids: fewer ids than rows asked for means all of them */
        watcher->caught_up = position - watcher->position < strtoll(watcher->rows, NULL, 10);
        watcher->position = position;
    }
}

static void on_page(void *arg, PGresult *result)
{
    Watcher *watcher = arg;
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK && feed_rows_position(result) >= 0;

    watcher->call = NULL;
    if (watcher->stream == NULL && (!good || watcher->watches->ending)) {
        parking_leave(watcher->req);
        give_up(watcher, result, watcher->watches->ending ? "the server is ending" : NULL);
    } else if (good) {
        take_page(watcher, result);
        set_state(watcher, WATCHER_TAKING);
        open_stream(watcher);
        pump(watcher);
    } else {
        const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *why = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        if (result == NULL || problem_rule(sqlstate)->text == PROBLEM_UNAVAILABLE)
            set_state(watcher, WATCHER_QUEUED); /* the tick tries again */
        else
            end_with(watcher, sqlstate, why);
    }
    PQclear(result);
}

static void ask(Watcher *watcher)
{
    Watches *watches = watcher->watches;
    const char *params[] = { watcher->kind, watcher->filter,
                             watcher->listing ? watcher->after_name : watcher->after,
                             watcher->rows };

    snprintf(watcher->after, sizeof(watcher->after), "%" PRId64, watcher->position);
    snprintf(watcher->rows, sizeof(watcher->rows), "%d", watcher->limit);
    watcher->call = pool_call(watches->options.pool,
                              watches->options.first_statement +
                                  (watcher->listing ? STATEMENT_START : STATEMENT_READ),
                              params, ARRAY_LEN(params), on_page, watcher);
    set_state(watcher, watcher->call != NULL ? WATCHER_READING : WATCHER_QUEUED);
}

/* ---- the outside ---- */

static void dispose_watcher(void *p)
{
    Watcher *watcher = p;
    Watches *watches = watcher->watches;

    if (watcher->call != NULL)
        pool_cancel(watcher->call);
    feeds_leave(&watcher->member);
    set_state(watcher, WATCHER_ENDING);
    h2o_linklist_unlink(&watcher->link);
    block_unref(watcher->page);
    block_unref(watcher->hold);
    free(watcher->after_name);
    free(watcher->last);
    watches->count--;
    next_in_queue(watches);
}

static Watcher *make_watcher(Watches *watches, h2o_req_t *req, const char *kind,
                             const WatchQuery *query, const char *filter)
{
    Watcher *watcher = h2o_mem_alloc_shared(&req->pool, sizeof(*watcher), dispose_watcher);

    *watcher = (Watcher){
        .member = { .more = on_more, .broken = on_broken },
        .watches = watches,
        .req = req,
        .kind = kind,
        .filter = h2o_strdup(&req->pool, filter, SIZE_MAX).base,
        .bookmarks = query->bookmarks,
        .deadline_ms =
            query->timeout_s > 0 ? time_monotonic_ms() + query->timeout_s * 1000 : INT64_MAX,
        .listing = query->position < 0,
        .after_name = query->position < 0 ? mem_strdup("") : NULL,
        .position = query->position,
        .limit = PAGE_FIRST,
    };
    watches->count++;
    set_state(watcher, WATCHER_QUEUED);
    return watcher;
}

/* While the database is lost: who has no head yet is told; the others wait for its return. */
static void refuse_queued(Watches *watches)
{
    for (h2o_linklist_t *node = watches->queued.next; node != &watches->queued;) {
        Watcher *watcher = H2O_STRUCT_FROM_MEMBER(Watcher, link, node);
        node = node->next;
        if (watcher->stream != NULL)
            continue;
        parking_leave(watcher->req);
        give_up(watcher, NULL, "the database is not reachable: try again");
    }
}

void watches_open(Watches *watches, h2o_req_t *req, const char *kind, const WatchQuery *query,
                  const char *filter)
{
    Watcher *watcher = make_watcher(watches, req, kind, query, filter);

    parking_enter(req);
    if (!watcher->listing && join(watcher, false)) {
        open_stream(watcher);
        return;
    }
    if (pool_open_count(watches->options.pool) == 0)
        refuse_queued(watches);
    else
        next_in_queue(watches);
}

static void check(Watcher *watcher, int64_t now)
{
    if (now >= watcher->deadline_ms && watcher->stream != NULL)
        end_well(watcher);
    if (watcher->stream == NULL || !stream_is_busy(watcher->stream))
        return;
    if (now - watcher->sent_ms > UNTAKEN_MS)
        stream_cut(watcher->stream);
}

static void check_all(h2o_linklist_t *list, int64_t now)
{
    for (h2o_linklist_t *node = list->next; node != list;) {
        Watcher *watcher = H2O_STRUCT_FROM_MEMBER(Watcher, link, node);
        node = node->next;
        check(watcher, now);
    }
}

static void on_tick(h2o_timeout_entry_t *entry)
{
    Watches *watches = H2O_STRUCT_FROM_MEMBER(Watches, tick, entry);

    h2o_timeout_link(watches->options.loop, &watches->second, &watches->tick);
    check_all(&watches->others, time_monotonic_ms());
    if (pool_open_count(watches->options.pool) == 0)
        refuse_queued(watches);
    else
        next_in_queue(watches);
}

Watches *watches_new(const WatchesOptions *options)
{
    Watches *watches = mem_alloc(sizeof(*watches));

    watches->options = *options;
    watches->tick.cb = on_tick;
    h2o_linklist_init_anchor(&watches->queued);
    h2o_linklist_init_anchor(&watches->others);
    h2o_timeout_init(options->loop, &watches->second, TICK_MS);
    h2o_timeout_link(options->loop, &watches->second, &watches->tick);
    return watches;
}

size_t watches_count(const Watches *watches)
{
    return watches->count;
}

static void end_one(Watcher *watcher)
{
    if (watcher->state == WATCHER_ENDING)
        return;
    if (watcher->stream != NULL) {
        end_well(watcher);
        return;
    }
    if (watcher->call != NULL)
        pool_cancel(TAKE_PTR(watcher->call));
    parking_leave(watcher->req);
    give_up(watcher, NULL, "the server is ending: try again");
}

void watches_end(Watches *watches)
{
    watches->ending = true;
    while (!h2o_linklist_is_empty(&watches->queued))
        end_one(H2O_STRUCT_FROM_MEMBER(Watcher, link, watches->queued.next));
    for (h2o_linklist_t *node = watches->others.next; node != &watches->others;) {
        Watcher *watcher = H2O_STRUCT_FROM_MEMBER(Watcher, link, node);
        node = node->next;
        end_one(watcher);
    }
}
