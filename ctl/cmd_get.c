#include "api.h"
#include "cara/mem.h"
#include "cara/names.h"
#include "command.h"
#include "events.h"
#include "get_watch.h"
#include "json_at.h"
#include "listing.h"
#include "print.h"
#include "resource.h"

#include <string.h>

static const char *const phases[] = { PHASE_PENDING, PHASE_SCHEDULED,   PHASE_RUNNING,
                                      PHASE_FAILED,  PHASE_TERMINATING, PHASE_TERMINATED,
                                      NULL };
static const char *const states[] = { "Ready", "NotReady", "Draining", NULL };

#define CHUNK_FLAG                                                                                 \
    {                                                                                              \
        "chunk-size", 0, "number", CHUNK_DEFAULT, false, "ask for this many at once, 0 for all",   \
            NULL                                                                                   \
    }

static const Flag path_flags[] = {
    WATCH_FLAGS,
    { .name = NULL },
};

static const Flag node_flags[] = {
    CHUNK_FLAG,
    SELECTOR_FLAG,
    { "state", 0, "string", NULL, false, "show only nodes in this state; may be given again",
      states },
    WATCH_FLAGS,
    { .name = NULL },
};

static const Flag project_flags[] = {
    CHUNK_FLAG,
    { "node", 0, "node", NULL, false, "show only projects on this node; may be given again", NULL },
    { "phase", 0, "string", NULL, false, "show only projects in this phase; may be given again",
      phases },
    SELECTOR_FLAG,
    WATCH_FLAGS,
    { .name = NULL },
};

static int get_list(Ctl *ctl, const Resource *resource, const CommandLine *line, int chunk,
                    Err *err)
{
    _cleanup_(mem_freep) char *path = listing_path(resource, line, NULL, 0);
    _cleanup_(json_decrefp) json_t *list = NULL;

    if (listing_fetch(ctl, path, chunk, &list, err) < 0)
        return err_prefix(err, "get %s", resource->plural);
    return resource_print(ctl, resource, json_object_get(list, "items"), list, err);
}

/* ---- by name --------------------------------------------------------------------------------- */

static int get_one(Ctl *ctl, const Resource *resource, const char *name, json_t *items, Err *err)
{
    _cleanup_(mem_freep) char *path = api_item_path(resource->path, name);
    json_t *object = NULL;

    if (api_call(ctl, "GET", path, NULL, NULL, &object, err) < 0)
        return err_prefix(err, "get %s \"%.253s\"", resource->singular, name);
    json_array_append_new(items, object);
    return 0;
}

/* One is printed as itself, several as a list; what is missing is told, the rest still shown. */
static int get_named(Ctl *ctl, const Resource *resource, const char *const *names, size_t count,
                     Err *err)
{
    _cleanup_(json_decrefp) json_t *items = json_array();

    if (count == 1 && get_one(ctl, resource, names[0], items, err) < 0)
        return -1;
    if (count == 1)
        return resource_print(ctl, resource, items, json_array_get(items, 0), err);
    for (size_t i = 0; i < count; i++) {
        if (get_one(ctl, resource, names[i], items, err) == 0)
            continue;
        ctl_tell_failure(ctl, err);
    }
    if (json_array_size(items) == 0)
        return -1;
    _cleanup_(mem_freep) char *kind = mem_printf("%sList", resource->kind);
    _cleanup_(json_decrefp) json_t *list =
        json_pack("{s:s, s:s, s:O}", "apiVersion", "caravanserai/v1", "kind", kind, "items", items);
    return resource_print(ctl, resource, items, list, err);
}

static int get_names(Ctl *ctl, const Resource *resource, const CommandLine *line, bool watches,
                     const char **names, Err *err)
{
    for (size_t i = 0; i < line->arg_count; i++) {
        names[i] = listing_name(line, resource, line->args[i], err);
        if (names[i] == NULL)
            return -1;
    }
    if (watches)
        return get_watch(ctl, resource, line, names, line->arg_count, err);
    return get_named(ctl, resource, names, line->arg_count, err);
}

static int get(Ctl *ctl, const Resource *resource, const CommandLine *line, Err *err)
{
    bool watches;
    int chunk;

    if (listing_chunk(line, &chunk, err) < 0 || get_watch_wanted(ctl, line, &watches, err) < 0)
        return -1;
    if (line->arg_count > 0 && command_line_value(line, "selector") != NULL)
        return err_set(err, ERR_INVALID, "get %s: a name cannot stand beside --selector",
                       resource->plural);
    if (line->arg_count > 0) {
        const char **names = mem_alloc(sizeof(char *) * line->arg_count);
        int result = get_names(ctl, resource, line, watches, names, err);
        free(names);
        return result;
    }
    if (watches)
        return get_watch(ctl, resource, line, NULL, 0, err);
    return get_list(ctl, resource, line, chunk, err);
}

static int run_nodes(Ctl *ctl, const CommandLine *line, Err *err)
{
    return get(ctl, &resource_node, line, err);
}

static int run_projects(Ctl *ctl, const CommandLine *line, Err *err)
{
    return get(ctl, &resource_project, line, err);
}

/* Events are asked for by what they are about: "project/web". */
static int run_events(Ctl *ctl, const CommandLine *line, Err *err)
{
    return events_show(ctl, line, line->arg_count > 0 ? line->args[0] : NULL, err);
}

/* A table for each kind, but one list for programs. */
static int print_mixed(Ctl *ctl, const json_t *items, Err *err)
{
    static const Resource *const kinds[] = { &resource_node, &resource_project };
    _cleanup_(json_decrefp) json_t *list = json_pack(
        "{s:s, s:s, s:O}", "apiVersion", "caravanserai/v1", "kind", "List", "items", items);
    bool any = false;

    if (print_data(list, ctl->output, &ctl->out))
        return 0;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        _cleanup_(json_decrefp) json_t *some = json_array();
        size_t i;
        json_t *item;
        json_array_foreach (items, i, item)
            if (strcmp(json_text_at(item, "kind"), kinds[k]->kind) == 0)
                json_array_append(some, item);
        if (json_array_size(some) == 0)
            continue;
        buf_add_str(&ctl->out, any && ctl->output != OUTPUT_NAME ? "\n" : "");
        any = true;
        if (resource_print(ctl, kinds[k], some, NULL, err) < 0)
            return -1;
    }
    return 0;
}

/* Nodes and projects together: what is missing is told, the rest still shown. */
static int get_mixed(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(json_decrefp) json_t *items = json_array();
    const char *name;

    for (size_t i = 0; i < line->arg_count; i++) {
        const Resource *resource = resource_of_arg(line->args[i], &name);
        if (get_one(ctl, resource, name, items, err) < 0)
            ctl_tell_failure(ctl, err);
    }
    return json_array_size(items) > 0 ? print_mixed(ctl, items, err) : -1;
}

static int get_by_path(Ctl *ctl, const CommandLine *line, const char **names, Err *err)
{
    const Resource *resource = NULL;
    bool is_mixed = false;
    bool watches;

    if (get_watch_wanted(ctl, line, &watches, err) < 0)
        return -1;
    for (size_t i = 0; i < line->arg_count; i++) {
        const Resource *this = listing_object(line, i, &names[i], err);
        if (this == NULL)
            return -1;
        is_mixed |= resource != NULL && this != resource;
        resource = this;
    }
    if (is_mixed && watches)
        return err_set(err, ERR_INVALID,
                       "get: nodes and projects have to be watched one kind at a time");
    if (is_mixed)
        return get_mixed(ctl, line, err);
    if (watches)
        return get_watch(ctl, resource, line, names, line->arg_count, err);
    return get_named(ctl, resource, names, line->arg_count, err);
}

/* "caractrl get project/web", as `-o name` prints it; without one it shows help. */
static int run_by_path(Ctl *ctl, const CommandLine *line, Err *err)
{
    if (line->arg_count == 0) {
        command_print_help(line->command, &ctl->out);
        return 0;
    }
    const char **names = mem_alloc(sizeof(char *) * line->arg_count);
    int result = get_by_path(ctl, line, names, err);
    free(names);
    return result;
}

extern const Command cmd_get, cmd_get_nodes, cmd_get_projects, cmd_get_events;
const Command cmd_get = {
    .path = "get",
    .child = "kind",
    .args = "KIND/NAME...",
    .brief = "Show nodes, projects or events",
    .flags = path_flags,
    .max_args = ARGS_ANY,
    .run = run_by_path,
};
const Command cmd_get_nodes = {
    .path = "get nodes",
    .alias = "node",
    .args = "[name...]",
    .brief = "Show all nodes, or those named",
    .flags = node_flags,
    .max_args = ARGS_ANY,
    .complete = COMPLETE_NODES,
    .run = run_nodes,
};
const Command cmd_get_projects = {
    .path = "get projects",
    .alias = "project",
    .args = "[name...]",
    .brief = "Show all projects, or those named",
    .flags = project_flags,
    .max_args = ARGS_ANY,
    .complete = COMPLETE_PROJECTS,
    .run = run_projects,
};
const Command cmd_get_events = {
    .path = "get events",
    .alias = "event",
    .args = "[KIND/NAME]",
    .brief = "Show what happened lately, to everything or to one node or project",
    .flags = events_flags,
    .max_args = 1,
    .complete = COMPLETE_OBJECTS,
    .run = run_events,
};
