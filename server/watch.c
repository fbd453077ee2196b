#include "watch.h"

#include "answer.h"
#include "pages.h"
#include "parking.h"
#include "problem.h"
#include "stream.h"

#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/text.h"
#include "cara/time.h"

#include <string.h>

#define TICK_MS    1000
#define UNTAKEN_MS 30000 /* for one piece; what comes behind it is bounded in bytes */
#define STATUS_MAX (64 * 1024)

typedef enum WatcherState {
    WATCHER_READING, /* alone; or waits for a turn to */
    WATCHER_TAKING,  /* the client takes what was read */
    WATCHER_LIVE,    /* a member of its feed */
    WATCHER_ENDING,
} WatcherState;

typedef struct Watcher {
    h2o_linklist_t link; /* of all */
    FeedMember member;
    PageReader reader;
    Watches *watches;
    h2o_req_t *req;
    Stream *stream; /* NULL until the head is sent */
    WatcherState state;
    bool bookmarks;
    int64_t deadline_ms; /* INT64_MAX for none */
    Block *page;         /* read and not yet sent */
    Block *hold;         /* under way */
    char *last;          /* line to be said before the end */
    int64_t sent_ms;
} Watcher;

struct Watches {
    WatchesOptions options;
    Pages *pages;
    h2o_linklist_t all;
    size_t count;
    h2o_timeout_t second;
    h2o_timeout_entry_t tick;
};

static void pump(Watcher *watcher);

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
    watcher->state = WATCHER_ENDING;
    feeds_leave(&watcher->member);
    pages_reader_done(&watcher->reader);
    block_unref(TAKE_PTR(watcher->page));
}

static void end_with(Watcher *watcher, const char *sqlstate, const char *why)
{
    int status = problem_rule(sqlstate)->status;

    if (watcher->state == WATCHER_ENDING)
        return;
    end(watcher);
    watcher->sent_ms = time_monotonic_ms(); /* as long as for a piece, to take why it ended */
    watcher->last = error_line(status, status == 500 ? "Internal server error" : why);
    pump(watcher);
}

static void end_well(Watcher *watcher)
{
    if (watcher->state == WATCHER_ENDING)
        return;
    end(watcher);
    pump(watcher);
}

static void on_broken(FeedMember *member, const char *sqlstate, const char *why)
{
    end_with(H2O_STRUCT_FROM_MEMBER(Watcher, member, member), sqlstate, why);
}

/* Before the head there is an answer to give: it could not be served now. */
static void turn_away(Watcher *watcher, const char *why)
{
    end(watcher);
    parking_leave(watcher->req);
    answer_unavailable(watcher->req, why);
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

/* Whether it is a member now, or has ended. */
static bool join(Watcher *watcher, bool make)
{
    PageReader *reader = &watcher->reader;
    int joined = feeds_join(hub_feeds(watcher->watches->options.hub), &watcher->member,
                            reader->kind, reader->filter, reader->position, make);

    if (joined < 0)
        end_with(watcher, "SR503", "too many different watches: try again");
    if (joined <= 0)
        return joined < 0;
    watcher->state = WATCHER_LIVE;
    if (watcher->bookmarks) /* says that all that was there has been said */
        watcher->page = block_new_bookmark(reader->kind, reader->position, NULL);
    return true;
}

static void ask(Watcher *watcher)
{
    watcher->state = WATCHER_READING;
    pages_ask(watcher->watches->pages, &watcher->reader);
}

/* What was read has been taken. */
static void go_on(Watcher *watcher)
{
    const PageReader *reader = &watcher->reader;

    if (!reader->listing && join(watcher, reader->caught_up))
        pump(watcher);
    else
        ask(watcher);
    pages_go_on(watcher->watches->pages);
}

static void on_page(PageReader *reader, Block *page)
{
    Watcher *watcher = H2O_STRUCT_FROM_MEMBER(Watcher, reader, reader);

    watcher->page = page;
    watcher->state = WATCHER_TAKING;
    open_stream(watcher);
    pump(watcher);
}

static void on_no_page(PageReader *reader, const PGresult *result)
{
    Watcher *watcher = H2O_STRUCT_FROM_MEMBER(Watcher, reader, reader);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (watcher->stream == NULL) {
        const char *function = reader->listing ? "api.watch_start" : "api.watch_read";
        end(watcher);
        parking_leave(watcher->req);
        answer_failure(watcher->req, result, function, false);
    } else if (result == NULL || problem_rule(sqlstate)->text == PROBLEM_UNAVAILABLE) {
        ask(watcher); /* the tick tries again */
    } else {
        end_with(watcher, sqlstate, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    }
}

/* ---- the outside ---- */

static void dispose_watcher(void *p)
{
    Watcher *watcher = p;
    Watches *watches = watcher->watches;

    end(watcher);
    h2o_linklist_unlink(&watcher->link);
    block_unref(watcher->hold);
    free(watcher->last);
    watches->count--;
    pages_go_on(watches->pages);
}

static Watcher *make_watcher(Watches *watches, h2o_req_t *req, const char *kind,
                             const WatchQuery *query, const char *filter)
{
    Watcher *watcher = h2o_mem_alloc_shared(&req->pool, sizeof(*watcher), dispose_watcher);

    *watcher = (Watcher){
        .member = { .more = on_more, .broken = on_broken },
        .reader = { .kind = kind,
                    .filter = h2o_strdup(&req->pool, filter, SIZE_MAX).base,
                    .position = query->position,
                    .got = on_page,
                    .failed = on_no_page },
        .watches = watches,
        .req = req,
        .bookmarks = query->bookmarks,
        .deadline_ms =
            query->timeout_s > 0 ? time_monotonic_ms() + query->timeout_s * 1000 : INT64_MAX,
    };
    pages_reader_init(&watcher->reader);
    h2o_linklist_insert(&watches->all, &watcher->link);
    watches->count++;
    return watcher;
}

/* While the database is lost: who has no head yet is told; the others wait for its return. */
static void turn_away_queued(Watches *watches)
{
    for (h2o_linklist_t *node = watches->all.next; node != &watches->all;) {
        Watcher *watcher = H2O_STRUCT_FROM_MEMBER(Watcher, link, node);
        node = node->next;
        if (watcher->stream == NULL && pages_is_queued(&watcher->reader))
            turn_away(watcher, "the database is not reachable: try again");
    }
}

static void serve_queued(Watches *watches)
{
    if (pool_open_count(watches->options.pool) == 0)
        turn_away_queued(watches);
    else
        pages_go_on(watches->pages);
}

void watches_open(Watches *watches, h2o_req_t *req, const char *kind, const WatchQuery *query,
                  const char *filter)
{
    Watcher *watcher = make_watcher(watches, req, kind, query, filter);

    parking_enter(req);
    if (!watcher->reader.listing && join(watcher, false)) {
        open_stream(watcher);
        return;
    }
    ask(watcher);
    serve_queued(watches);
}

static void check(Watcher *watcher, int64_t now)
{
    if (watcher->stream == NULL)
        return;
    if (now >= watcher->deadline_ms)
        end_well(watcher);
    if (stream_is_busy(watcher->stream) && now - watcher->sent_ms > UNTAKEN_MS)
        stream_cut(watcher->stream);
}

static void on_tick(h2o_timeout_entry_t *entry)
{
    Watches *watches = H2O_STRUCT_FROM_MEMBER(Watches, tick, entry);
    int64_t now = time_monotonic_ms();

    h2o_timeout_link(watches->options.loop, &watches->second, &watches->tick);
    for (h2o_linklist_t *node = watches->all.next; node != &watches->all;) {
        Watcher *watcher = H2O_STRUCT_FROM_MEMBER(Watcher, link, node);
        node = node->next;
        check(watcher, now);
    }
    serve_queued(watches);
}

Watches *watches_new(const WatchesOptions *options)
{
    Watches *watches = mem_alloc(sizeof(*watches));

    watches->options = *options;
    watches->pages = pages_new(options->pool, options->first_statement);
    watches->tick.cb = on_tick;
    h2o_linklist_init_anchor(&watches->all);
    h2o_timeout_init(options->loop, &watches->second, TICK_MS);
    h2o_timeout_link(options->loop, &watches->second, &watches->tick);
    return watches;
}

size_t watches_count(const Watches *watches)
{
    return watches->count;
}

void watches_end(Watches *watches)
{
    for (h2o_linklist_t *node = watches->all.next; node != &watches->all;) {
        Watcher *watcher = H2O_STRUCT_FROM_MEMBER(Watcher, link, node);
        node = node->next;
        if (watcher->state == WATCHER_ENDING)
            continue;
        if (watcher->stream != NULL)
            end_well(watcher);
        else
            turn_away(watcher, "the server is ending: try again");
    }
}
