#include "follow.h"

#include "api.h"
#include "cara/mem.h"
#include "cara/time.h"
#include "json_at.h"
#include "known.h"
#include "listing.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 200
#define BACKOFF_LAST_MS  30000

typedef struct Follower {
    Ctl *ctl;
    const Follow *options;
    Http *http;     /* owned; for the watch alone, so that a sink may make calls of its own */
    json_t *known;  /* owned; see known.h */
    char *position; /* owned; resourceVersion to go on from */
    WatchLines lines;
    int result;      /* of the sinks: FOLLOW_ON, or how it ends */
    bool must_list;  /* the position is forgotten */
    bool refused;    /* the stream ended with an error, which is in err */
    bool told;       /* that the server is away */
    int64_t backoff; /* milliseconds; 0 after something came */
    Err *err;
} Follower;

static void follower_done(Follower *f)
{
    http_free(f->http);
    json_decref(f->known);
    free(f->position);
    watch_lines_done(&f->lines);
}

static void move_to(Follower *f, const char *version)
{
    if (*version == '\0')
        return;
    free(f->position);
    f->position = mem_strdup(version);
}

static int tell(Follower *f, WatchType type, const json_t *object)
{
    f->result = f->options->on_change(f->options->arg, type, object, f->err);
    return f->result;
}

/* ---- the list -------------------------------------------------------------------------------- */

/* What changed while nobody watched. */
static void tell_differences(Follower *f, const json_t *items)
{
    _cleanup_(json_decrefp) json_t *gone = known_missing(f->known, items);
    size_t i;
    json_t *object;

    json_array_foreach (items, i, object) {
        WatchType type = WATCH_MODIFIED;
        if (known_take(f->known, &type, object) && tell(f, type, object) != FOLLOW_ON)
            return;
    }
    json_array_foreach (gone, i, object) {
        known_forget(f->known, object);
        if (tell(f, WATCH_DELETED, object) != FOLLOW_ON)
            return;
    }
}

/* Everything that matches; of that, what matters. The caller's. */
static json_t *fetch(Follower *f)
{
    json_t *list = NULL;
    json_t *items = json_array();
    size_t i;
    json_t *object;

    if (listing_fetch(f->ctl, f->options->path, f->options->chunk, &list, f->err) == 0) {
        json_array_foreach (json_object_get(list, "items"), i, object)
            if (listing_has(f->options->names, f->options->name_count, object))
                json_array_append(items, object);
        json_object_set(list, "items", items);
    }
    json_decref(items);
    return list;
}

static int list(Follower *f)
{
    _cleanup_(json_decrefp) json_t *answer = fetch(f);
    bool first = f->position == NULL;
    size_t i;
    json_t *object;

    if (answer == NULL)
        return -1;
    const json_t *items = json_object_get(answer, "items");
    const char *version = json_text_at(answer, "metadata.resourceVersion");
    if (*version == '\0')
        return err_set(f->err, ERR_HTTP,
                       "the server's lists have no resourceVersion to watch from: it "
                       "is older than this caractrl");
    f->must_list = false;
    move_to(f, version);
    if (!first) {
        tell_differences(f, items);
        return 0;
    }
    json_array_foreach (items, i, object)
        known_take(f->known, &(WatchType){ WATCH_ADDED }, object);
    if (f->options->on_list != NULL)
        f->result = f->options->on_list(f->options->arg, items, f->err);
    return 0;
}

/* ---- the watch ------------------------------------------------------------------------------- */

static bool on_line(void *arg, WatchType type, const json_t *object)
{
    Follower *f = arg;

    f->backoff = 0;
    f->told = false;
    if (type == WATCH_BOOKMARK) {
        move_to(f, json_text_at(object, "metadata.resourceVersion"));
    } else if (type == WATCH_ERROR) {
        f->must_list = json_int_at(object, "code") == 410;
        f->refused = !f->must_list;
        if (f->refused)
            err_set_status(f->err, ERR_HTTP, (int)json_int_at(object, "code"), "%.900s",
                           json_text_at(object, "message"));
        return false;
    } else {
        if (type != WATCH_DELETED)
            move_to(f, json_text_at(object, "metadata.resourceVersion"));
        if (listing_has(f->options->names, f->options->name_count, object) &&
            known_take(f->known, &type, object))
            tell(f, type, object);
    }
    return f->result == FOLLOW_ON;
}

static bool on_data(void *arg, const char *data, size_t len)
{
    Follower *f = arg;
    Err err = { 0 };
    int result = watch_lines_feed(&f->lines, data, len, &err);

    if (result < 0) {
        *f->err = err;
        f->result = -1;
    }
    return result > 0;
}

static bool on_tick(void *arg)
{
    Follower *f = arg;

    if (f->options->on_tick != NULL)
        f->result = f->options->on_tick(f->options->arg, f->err);
    return f->result == FOLLOW_ON;
}

static int64_t time_left(const Follower *f)
{
    if (f->options->deadline == INT64_MAX)
        return INT32_MAX;
    int64_t left = f->options->deadline - time_monotonic_ms();
    return left < INT32_MAX ? left : INT32_MAX;
}

/* One connection, to its end. Returns 0 when it was one and ended, -1 with err. */
static int watch(Follower *f)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    _cleanup_(buf_done) Buf path = { .max = 1 << 18 };
    int64_t left = time_left(f);
    HttpFollow how = { .sink = on_data,
                       .tick = on_tick,
                       .arg = f,
                       .idle_ms = f->ctl->idle_ms,
                       .timeout_ms = left < INT32_MAX ? (int)left : 0 };

    if (f->http == NULL && api_connect(f->ctl, 0, &f->http, f->err) < 0)
        return -1;
    buf_add_str(&path, f->options->path);
    listing_add(&path, "watch", "true");
    listing_add(&path, "allowWatchBookmarks", "true");
    listing_add(&path, "resourceVersion", f->position);
    f->refused = false;
    watch_lines_done(&f->lines);
    watch_lines_init(&f->lines, on_line, f);
    if (http_follow(f->http, buf_str(&path), &how, &reply, f->err) < 0)
        return api_unreachable(f->err);
    if (f->result == FOLLOW_ON && !f->refused && watch_lines_end(&f->lines, f->err) < 0)
        f->result = -1;
    if (f->refused)
        return -1;
    if (reply.status == 410) {
        f->must_list = true;
        return 0;
    }
    if (reply.status != 0 && (reply.status < 200 || reply.status > 299))
        return api_refused(f->ctl, &reply, f->err);
    return f->result;
}

/* ---- going on -------------------------------------------------------------------------------- */

/* Waits longer each time until something comes, with the ticks that go on meanwhile. Everyone who
 * lost the same server comes back at another moment. */
static void pause_a_while(Follower *f)
{
    f->backoff = f->backoff == 0 ? BACKOFF_FIRST_MS : f->backoff * 2;
    f->backoff = f->backoff < BACKOFF_LAST_MS ? f->backoff : BACKOFF_LAST_MS;

    int64_t pause = f->backoff / 2 + (int64_t)((double)f->backoff / 2 * drand48());
    int64_t left = time_left(f);
    int64_t end = time_monotonic_ms() + (pause < left ? pause : left);

    while (f->result == FOLLOW_ON) {
        int64_t rest = end - time_monotonic_ms();
        if (rest <= 0)
            break;
        rest = rest < 1000 ? rest : 1000;
        nanosleep(
            &(struct timespec){ .tv_sec = rest / 1000, .tv_nsec = (long)(rest % 1000) * 1000000 },
            NULL);
        on_tick(f);
    }
}

/* The server is away: told once it cannot be reached anew, not when a connection merely broke. */
static int come_back_later(Follower *f)
{
    if (!api_may_pass(f->err))
        return -1;
    if (f->backoff > 0 && !f->told) {
        err_prefix(f->err, "still trying");
        ctl_print_warning(f->err->message);
        f->told = true;
    }
    err_clear(f->err);
    return 0;
}

int follow(Ctl *ctl, const Follow *options, Err *err)
{
    _cleanup_(follower_done) Follower f = {
        .ctl = ctl, .options = options, .known = json_object(), .result = FOLLOW_ON, .err = err
    };

    srand48(time_monotonic_ms() ^ (long)getpid());
    if (list(&f) < 0) {
        if (!options->patient || come_back_later(&f) < 0)
            return -1;
        f.must_list = true;
        pause_a_while(&f);
    }
    while (f.result == FOLLOW_ON && time_left(&f) > 0) {
        int result = f.must_list ? list(&f) : watch(&f);
        if (f.result != FOLLOW_ON)
            break;
        if (result < 0 && come_back_later(&f) < 0)
            return -1;
        pause_a_while(&f);
    }
    return f.result;
}
