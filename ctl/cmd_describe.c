#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "describe.h"
#include "resource.h"

#define EVENTS_SHOWN 20
#define LINES_SHOWN  5

/* Events are an extra: a server that has none, or cannot give them now, does not spoil the rest. */
static void add_events(Ctl *ctl, const Resource *resource, const char *name)
{
    _cleanup_(mem_freep) char *escaped = http_escape(name);
    _cleanup_(mem_freep) char *path = mem_printf("%s?for=%s/%s&limit=%d", resource_event.path,
                                                 resource->singular, escaped, EVENTS_SHOWN);
    _cleanup_(json_decrefp) json_t *list = NULL;

    if (api_call(ctl, "GET", path, NULL, NULL, &list, &(Err){ 0 }) == 0)
        describe_events(json_object_get(list, "items"), ctl->now, &ctl->out);
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
    add_events(ctl, resource, name);
    return 0;
}

static int run_node(Ctl *ctl, const CommandLine *line, Err *err)
{
    return describe_one(ctl, &resource_node, line->args[0], err);
}

static int run_project(Ctl *ctl, const CommandLine *line, Err *err)
{
    return describe_one(ctl, &resource_project, line->args[0], err);
}

/* "caractrl describe project/web"; anything else shows help. */
static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    const char *name;
    const Resource *resource = line->arg_count == 1 ? resource_of_arg(line->args[0], &name) : NULL;

    if (resource != NULL && resource != &resource_event)
        return describe_one(ctl, resource, name, err);
    command_print_help(line->command, &ctl->out);
    return 0;
}

extern const Command cmd_describe, cmd_describe_node, cmd_describe_project;
const Command cmd_describe = {
    .path = "describe",
    .args = "KIND/NAME",
    .brief = "Show all there is to know about a node or project",
    .max_args = ARGS_ANY,
    .run = run,
};
const Command cmd_describe_node = {
    .path = "describe node",
    .alias = "nodes",
    .args = "<name>",
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
    .brief = "Show all there is to know about a project",
    .min_args = 1,
    .max_args = 1,
    .complete = COMPLETE_PROJECTS,
    .run = run_project,
};
