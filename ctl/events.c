#include "events.h"

#include "api.h"
#include "cara/mem.h"
#include "cara/time.h"
#include "json_at.h"
#include "listing.h"
#include "resource.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS    1000 /* between two looks with -w */
#define OVERLAP_S  30   /* that each look goes back: an event may be committed late */
#define BACKOFF_MS 15000
#define CLUSTER    "cluster/cluster"

static const char *const types[] = { "Normal", "Warning", NULL };

const Flag events_flags[] = {
    { "for", 0, "kind/name", NULL, false, "only what concerns this project or node, or the cluster",
      NULL },
    { "since", 0, "duration", NULL, false, "only what was seen within this time: 10m, 2h", NULL },
    { "type", 0, "string", NULL, false, "only events of this type", types },
    { "watch", 'w', NULL, NULL, false, "then go on and show what happens, until Ctrl-C", NULL },
    { .name = NULL },
};

typedef struct Events {
    Ctl *ctl;
    char *path;     /* owned; without `since` */
    json_t *seen;   /* owned */
    int64_t newest; /* lastTimestamp of what was seen last, seconds; 0 for nothing */
    bool any;       /* something is printed */
    ResourceRows rows;
} Events;

static void events_done(Events *e)
{
    free(e->path);
    json_decref(e->seen);
}

json_t *events_new(const json_t *items, json_t **seen)
{
    _cleanup_(json_decrefp) json_t *before = *seen;
    json_t *news = json_array();
    size_t i;
    json_t *event;

    *seen = json_object();
    json_array_foreach (items, i, event) {
        char id[32];
        snprintf(id, sizeof(id), "%" PRId64, json_int_at(event, "id"));
        json_object_set_new(*seen, id, json_integer(json_int_at(event, "count")));
        const json_t *was = json_object_get(before, id);
        if (was == NULL || json_integer_value(was) < json_int_at(event, "count"))
            json_array_append(news, event);
    }
    return news;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* "project/web" as the server wants it, owned; what is about no one object is the cluster's. */
static char *read_about(const char *about, Err *err)
{
    const char *name = NULL;
    const Resource *resource = resource_of_arg(about, &name);

    if (strcasecmp(about, "cluster") == 0 || strcasecmp(about, CLUSTER) == 0)
        return mem_strdup(CLUSTER);
    if (resource != NULL && resource != &resource_event)
        return mem_printf("%s/%s", resource->singular, name);
    err_set(err, ERR_INVALID,
            "get events: \"%.64s\" names nothing: write project/NAME, node/NAME or cluster", about);
    return NULL;
}

static char *list_path(const char *about, const char *type, Err *err)
{
    _cleanup_(mem_freep) char *for_what = about != NULL ? read_about(about, err) : NULL;
    Buf path;

    if (about != NULL && for_what == NULL)
        return NULL;
    buf_init(&path, 4096);
    buf_add_str(&path, resource_event.path);
    if (for_what != NULL)
        listing_add(&path, "for", for_what);
    if (type != NULL)
        listing_add(&path, "type", type);
    return buf_take(&path);
}

/* One page: the newest, or those before what the page before it says; "" for the first. */
static int fetch_page(Events *e, int64_t since, const char *token, json_t **ret, Err *err)
{
    _cleanup_(buf_done) Buf path = { .max = 8192 };
    char time[TIME_TEXT_MAX];
    json_t *page = NULL;

    buf_add_str(&path, e->path);
    time_format_utc(since, time);
    if (since > 0)
        listing_add(&path, "since", time);
    if (*token != '\0')
        listing_add(&path, "continue", token);
    if (api_call(e->ctl, "GET", buf_str(&path), NULL, NULL, &page, err) < 0)
        return err_prefix(err, "get events");
    if (!json_is_array(json_object_get(page, "items"))) {
        json_decref(page);
        return err_set(err, ERR_HTTP,
                       "get events: decode response: there is no list of items in it");
    }
    *ret = page;
    return 0;
}

/* What was last seen at `since` or later, 0 for whenever: all of it, or only the newest page. Pages
 * come newest first, and in each the newest last. */
static int fetch(Events *e, int64_t since, bool all, json_t **ret_list, Err *err)
{
    _cleanup_(json_decrefp) json_t *list = NULL;
    _cleanup_(mem_freep) char *token = mem_strdup("");

    do {
        _cleanup_(json_decrefp) json_t *page = NULL;
        if (fetch_page(e, since, token, &page, err) < 0)
            return -1;
        free(token);
        token = mem_strdup(json_text_at(page, "metadata.continue"));
        if (list != NULL)
            json_array_extend(json_object_get(page, "items"), json_object_get(list, "items"));
        json_decref(list);
        list = TAKE_PTR(page);
    } while (all && *token != '\0');
    json_object_del(json_object_get(list, "metadata"), "continue");
    if (*token != '\0')
        ctl_print_warning("there are older events: --since 10m shows all of a time");
    *ret_list = TAKE_PTR(list);
    return 0;
}

/* ---- going on -------------------------------------------------------------------------------- */

static void remember_newest(Events *e, const json_t *items)
{
    size_t i;
    json_t *event;

    json_array_foreach (items, i, event) {
        int64_t at;
        bool zero;
        if (time_parse_rfc3339(json_text_at(event, "lastTimestamp"), &at, &zero, NULL) == 0 &&
            !zero && at > e->newest)
            e->newest = at;
    }
}

static int show(Events *e, const json_t *items, Err *err)
{
    _cleanup_(json_decrefp) json_t *news = events_new(items, &e->seen);
    size_t i;
    json_t *event;

    remember_newest(e, items);
    e->ctl->now = time_now_seconds();
    if (e->ctl->output == OUTPUT_TABLE || e->ctl->output == OUTPUT_WIDE) {
        resource_print_rows(e->ctl, &resource_event, news, &e->rows);
        return ctl_flush(e->ctl, err);
    }
    json_array_foreach (news, i, event) {
        if (e->ctl->output == OUTPUT_YAML && e->any)
            buf_add_str(&e->ctl->out, "---\n");
        print_data(event, e->ctl->output, &e->ctl->out);
        e->any = true;
    }
    return ctl_flush(e->ctl, err);
}

static void pause_ms(int64_t ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 },
              NULL);
}

/* Events are no objects of the change log: the newest are asked for again and again. When the
 * server is away everyone comes back at another moment. */
static int go_on(Events *e, Err *err)
{
    int64_t backoff = 0;

    srand48(time_monotonic_ms() ^ (long)getpid());
    for (;;) {
        _cleanup_(json_decrefp) json_t *list = NULL;
        pause_ms(LOOK_MS + (int64_t)((double)backoff * drand48()));
        int64_t since = e->newest > OVERLAP_S ? e->newest - OVERLAP_S : 0;
        if (fetch(e, since, true, &list, err) == 0) {
            backoff = 0;
            if (show(e, json_object_get(list, "items"), err) < 0)
                return -1;
            continue;
        }
        if (!api_may_pass(err))
            return -1;
        if (backoff == 0) {
            err_prefix(err, "still trying");
            ctl_print_warning(err->message);
        }
        err_clear(err);
        backoff = backoff == 0 ? LOOK_MS : backoff * 2;
        backoff = backoff < BACKOFF_MS ? backoff : BACKOFF_MS;
    }
}

int events_show(Ctl *ctl, const CommandLine *line, const char *about, Err *err)
{
    _cleanup_(events_done) Events e = { .ctl = ctl, .seen = json_object() };
    _cleanup_(json_decrefp) json_t *list = NULL;
    const char *within = command_line_value(line, "since");
    int64_t since = 0;

    e.path = list_path(about != NULL ? about : command_line_value(line, "for"),
                       command_line_value(line, "type"), err);
    if (e.path == NULL)
        return -1;
    if (within != NULL && command_line_duration(line, "since", &since, err) < 0)
        return -1;
    if (within != NULL)
        since = ctl->now - since / 1000;
    bool watches = command_line_is_set(line, "watch");
    if (watches && ctl->output == OUTPUT_NAME)
        return err_set(err, ERR_INVALID, "events have no names: use -o table, wide, json or yaml");
    if (watches)
        ctl_on_interrupt(NULL, true);
    if (fetch(&e, since, since > 0, &list, err) < 0)
        return -1;
    const json_t *items = json_object_get(list, "items");
    if (!watches)
        return resource_print(ctl, &resource_event, items, list, err);
    if (show(&e, items, err) < 0)
        return -1;
    return go_on(&e, err);
}
