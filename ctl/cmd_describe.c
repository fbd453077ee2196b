#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "describe.h"
#include "json_at.h"
#include "listing.h"
#include "resource.h"

#define EVENTS_SHOWN 20
#define LINES_SHOWN  5

static const Flag selection_flags[] = {
    ALL_FLAG,
    SELECTOR_FLAG,
    { .name = NULL },
};

/* Events are an extra: a server that has none, or cannot give them now, does not spoil the rest. */
static void add_events(Ctl *ctl, const Resource *resource, const char *name, const json_t *object)
{
    _cleanup_(mem_freep) char *about = mem_printf("%s/%s", resource->singular, name);
    _cleanup_(mem_freep) char *limit = mem_printf("%d", EVENTS_SHOWN);
    _cleanup_(buf_done) Buf path = { .max = 4096 };
    _cleanup_(json_decrefp) json_t *list = NULL;

    buf_add_str(&path, resource_event.path);
    listing_add(&path, "for", about);
    listing_add(&path, "limit", limit);
    listing_add(&path, "since",
                json_text_at(object, "metadata.createdAt")); /* not its namesake's */
    if (api_call(ctl, "GET", buf_str(&path), NULL, NULL, &list, &(Err){ 0 }) == 0)
        describe_events(json_object_get(list, "items"), ctl->now, &ctl->out);
}

/* As events are, an extra. */
static void add_room(Ctl *ctl, const char *name)
{
    _cleanup_(mem_freep) char *item = api_item_path(resource_node.path, name);
    _cleanup_(mem_freep) char *path = mem_printf("%s/room", item);
    _cleanup_(json_decrefp) json_t *room = NULL;

    if (api_call(ctl, "GET", path, NULL, NULL, &room, &(Err){ 0 }) == 0)
        describe_room(room, &ctl->out);
}

/* As events are, an extra. */
static void add_deaths(Ctl *ctl, const char *name)
{
    _cleanup_(mem_freep) char *item = api_item_path(resource_project.path, name);
    _cleanup_(mem_freep) char *path =
        mem_printf("%s/logs?previous=true&tail=%d", item, LINES_SHOWN);
    _cleanup_(json_decrefp) json_t *list = NULL;

    if (api_call(ctl, "GET", path, NULL, NULL, &list, &(Err){ 0 }) == 0)
        describe_deaths(json_object_get(list, "items"), ctl->now, &ctl->out);
}

static int describe_one(Ctl *ctl, const Resource *resource, const char *name, Err *err)
{
    _cleanup_(mem_freep) char *path = api_item_path(resource->path, name);
    _cleanup_(json_decrefp) json_t *object = NULL;

    if (api_call(ctl, "GET", path, NULL, NULL, &object, err) < 0)
        return err_prefix(err, "describe %s \"%.253s\"", resource->singular, name);
    if (resource == &resource_node)
        describe_node(object, ctl->now, &ctl->out);
    else
        describe_project(object, ctl->now, &ctl->out);
    if (resource == &resource_project)
        add_deaths(ctl, name);
    else
        add_room(ctl, name);
    add_events(ctl, resource, name, object);
    return 0;
}

/* A screen is no data: who asks for data is told where that is. */
static int refuse_output(const CommandLine *line, const Resource *resource, const char *name,
                         Err *err)
{
    return err_set(err, ERR_INVALID,
                   "describe has no -o %s: caractrl get %s%s%.253s -o json prints the whole object",
                   command_line_value(line, "output"), resource->singular, name != NULL ? " " : "s",
                   name != NULL ? name : "");
}

/* Several screens have two empty lines between them; one that fails is told, the others shown. */
static int describe_selected(Ctl *ctl, const Resource *resource, const CommandLine *line, Err *err)
{
    _cleanup_(json_decrefp) json_t *selected = NULL;
    size_t i;
    json_t *name;

    if (ctl->output != OUTPUT_TABLE)
        return refuse_output(line, resource, line->arg_count > 0 ? line->args[0] : NULL, err);
    if (listing_select(ctl, resource, line, &selected, err) < 0)
        return -1;
    if (json_array_size(selected) == 1)
        return describe_one(ctl, resource, json_string_value(json_array_get(selected, 0)), err);
    json_array_foreach (selected, i, name) {
        buf_add_str(&ctl->out, i > 0 ? "\n\n" : "");
        if (describe_one(ctl, resource, json_string_value(name), err) < 0)
            ctl_tell_failure(ctl, err);
    }
    return 0;
}

static int run_node(Ctl *ctl, const CommandLine *line, Err *err)
{
    return describe_selected(ctl, &resource_node, line, err);
}

static int run_project(Ctl *ctl, const CommandLine *line, Err *err)
{
    return describe_selected(ctl, &resource_project, line, err);
}

/* "caractrl describe project/web"; without it, it shows help. */
static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    const char *name;

    if (line->arg_count == 0) {
        command_print_help(line->command, &ctl->out);
        return 0;
    }
    const Resource *resource = listing_object(line, 0, &name, err);
    if (resource == NULL)
        return -1;
    if (line->arg_count > 1)
        return err_set(err, ERR_INVALID, "describe: one KIND/NAME at a time, received %zu",
                       line->arg_count);
    if (ctl->output != OUTPUT_TABLE)
        return refuse_output(line, resource, name, err);
    return describe_one(ctl, resource, name, err);
}

extern const Command cmd_describe, cmd_describe_node, cmd_describe_project;
const Command cmd_describe = {
    .path = "describe",
    .child = "kind",
    .args = "KIND/NAME",
    .brief = "Show all there is to know about a node or project",
    .max_args = ARGS_ANY,
    .run = run,
};
const Command cmd_describe_node = {
    .path = "describe node",
    .alias = "nodes",
    .args = "<name>",
    .flags = selection_flags,
    .selects = true,
    .brief = "Show all there is to know about a node",
    .min_args = 1,
    .max_args = 1,
    .complete = COMPLETE_NODES,
    .run = run_node,
};
const Command cmd_describe_project = {
    .path = "describe project",
    .alias = "projects",
    .args = "<name>",
    .flags = selection_flags,
    .selects = true,
    .brief = "Show all there is to know about a project",
    .min_args = 1,
    .max_args = 1,
    .complete = COMPLETE_PROJECTS,
    .run = run_project,
};
