#include "get_watch.h"

#include "cara/mem.h"
#include "cara/time.h"
#include "follow.h"
#include "json_at.h"
#include "listing.h"

#include <string.h>

typedef struct Watching {
    Ctl *ctl;
    const Resource *resource;
    const char *const *names;
    size_t name_count;
    bool changes_only;
    bool tells_type;
    bool filters; /* so that DELETED may be one that no longer matches */
    bool any;     /* something is printed */
    ResourceRows rows;
} Watching;

int get_watch_wanted(const Ctl *ctl, const CommandLine *line, bool *ret, Err *err)
{
    bool tells_type = command_line_is_set(line, "output-watch-events");

    *ret = command_line_is_set(line, "watch") || command_line_is_set(line, "watch-only");
    if (tells_type && !*ret)
        return err_set(err, ERR_INVALID, "--output-watch-events goes with -w or --watch-only");
    if (tells_type && ctl->output == OUTPUT_NAME)
        return err_set(err, ERR_INVALID,
                       "--output-watch-events and -o name exclude each other: a name alone does "
                       "not say what happened");
    return 0;
}

/* As the table shows what is gone: of its state nothing is left but that. The caller's. */
static json_t *as_deleted(const json_t *object)
{
    json_t *copy = json_deep_copy(object);
    json_t *status = json_object_get(copy, "status");

    if (!json_is_object(status)) {
        status = json_object();
        json_object_set_new(copy, "status", status);
    }
    json_object_set_new(status, "phase", json_string("Deleted"));
    json_object_set_new(status, "state", json_string("Deleted"));
    return copy;
}

static void print_row(Watching *w, WatchType type, const json_t *object)
{
    bool is_gone = type == WATCH_DELETED &&
                   (!w->filters || *json_text_at(object, "metadata.createdAt") == '\0');
    _cleanup_(json_decrefp) json_t *items = json_pack("[O]", object);

    if (is_gone)
        json_array_set_new(items, 0, as_deleted(object));
    w->rows.event = w->tells_type ? watch_type_word(type) : NULL;
    resource_print_rows(w->ctl, w->resource, items, &w->rows);
}

static int print_object(Watching *w, WatchType type, const json_t *object, Err *err)
{
    Ctl *ctl = w->ctl;
    _cleanup_(json_decrefp) json_t *items = json_pack("[O]", object);
    _cleanup_(json_decrefp) json_t *event =
        json_pack("{s:s, s:O}", "type", watch_type_word(type), "object", object);

    if (ctl->output == OUTPUT_NAME)
        return resource_print(ctl, w->resource, items, NULL, err);
    if (ctl->output == OUTPUT_YAML && w->any)
        buf_add_str(&ctl->out, "---\n");
    print_data(w->tells_type ? event : object, ctl->output, &ctl->out);
    return 0;
}

static int show(Watching *w, WatchType type, const json_t *object, Err *err)
{
    w->ctl->now = time_now_seconds();
    if (w->ctl->output == OUTPUT_TABLE || w->ctl->output == OUTPUT_WIDE)
        print_row(w, type, object);
    else if (print_object(w, type, object, err) < 0)
        return -1;
    w->any = true;
    return 0;
}

/* Everything that is there makes one table, so that its columns fit all. */
static int show_list(Watching *w, const json_t *items, Err *err)
{
    bool is_table = w->ctl->output == OUTPUT_TABLE || w->ctl->output == OUTPUT_WIDE;
    size_t i;
    json_t *object;

    w->rows.event = w->tells_type ? watch_type_word(WATCH_ADDED) : NULL;
    if (is_table)
        resource_print_rows(w->ctl, w->resource, items, &w->rows);
    json_array_foreach (items, i, object)
        if (!is_table && show(w, WATCH_ADDED, object, err) < 0)
            return -1;
    return 0;
}

static bool has_name(const json_t *items, const char *name)
{
    size_t i;
    json_t *object;

    json_array_foreach (items, i, object)
        if (strcmp(json_text_at(object, "metadata.name"), name) == 0)
            return true;
    return false;
}

static int on_list(void *arg, const json_t *items, Err *err)
{
    Watching *w = arg;

    for (size_t i = 0; i < w->name_count; i++)
        if (!has_name(items, w->names[i]))
            return err_set_status(
                err, ERR_HTTP, 404,
                "Not Found: there is no %s \"%.253s\"%s; without its name, get -w "
                "shows it once it is there",
                w->resource->singular, w->names[i], w->filters ? " that matches" : "");
    if (!w->changes_only && show_list(w, items, err) < 0)
        return -1;
    return ctl_flush(w->ctl, err) < 0 ? -1 : FOLLOW_ON;
}

static int on_change(void *arg, WatchType type, const json_t *object, Err *err)
{
    Watching *w = arg;

    if (show(w, type, object, err) < 0 || ctl_flush(w->ctl, err) < 0)
        return -1;
    return FOLLOW_ON;
}

int get_watch(Ctl *ctl, const Resource *resource, const CommandLine *line, const char *const *names,
              size_t name_count, Err *err)
{
    _cleanup_(mem_freep) char *path = listing_path(resource, line, names, name_count);
    _cleanup_(mem_freep) char *unnamed = listing_path(resource, line, NULL, 0);
    Watching w = { .ctl = ctl,
                   .resource = resource,
                   .names = names,
                   .name_count = name_count,
                   .changes_only = command_line_is_set(line, "watch-only"),
                   .tells_type = command_line_is_set(line, "output-watch-events"),
                   .filters = strchr(unnamed, '?') != NULL };
    Follow options = { .path = path,
                       .names = names,
                       .name_count = name_count,
                       .deadline = INT64_MAX,
                       .on_list = on_list,
                       .on_change = on_change,
                       .arg = &w };

    if (listing_chunk(line, &options.chunk, err) < 0)
        return -1;
    ctl_on_interrupt(NULL, true);
    if (follow(ctl, &options, err) < 0)
        return err_prefix(err, "watch %s", resource->plural);
    return 0;
}
