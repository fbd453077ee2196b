#include "api.h"
#include "cara/mem.h"
#include "cara/names.h"
#include "command.h"
#include "resource.h"

#include <string.h>

static const char *const phases[] = { PHASE_PENDING, PHASE_SCHEDULED,   PHASE_RUNNING,
                                      PHASE_FAILED,  PHASE_TERMINATING, PHASE_TERMINATED,
                                      NULL };

static const Flag project_flags[] = {
    { "phase", 0, "string", NULL, false, "show only projects in this phase; may be given again",
      phases },
    { .name = NULL },
};

/* ---- lists ----------------------------------------------------------------------------------- */

/* "/api/v1/projects?phase=Running&phase=Failed" */
static char *list_path(const Resource *resource, const CommandLine *line)
{
    Buf path;

    buf_init(&path, 1 << 16);
    buf_add_str(&path, resource->path);
    for (size_t i = 0, n = 0; i < line->flag_count; i++) {
        if (strcmp(line->flags[i].flag->name, "phase") != 0)
            continue;
        _cleanup_(mem_freep) char *value = http_escape(line->flags[i].value);
        buf_printf(&path, "%cphase=%s", n++ > 0 ? '&' : '?', value);
    }
    return buf_take(&path);
}

static int get_list(Ctl *ctl, const Resource *resource, const char *path, Err *err)
{
    _cleanup_(json_decrefp) json_t *list = NULL;

    if (api_call(ctl, "GET", path, NULL, NULL, &list, err) < 0)
        return err_prefix(err, "get %s", resource->plural);
    const json_t *items = json_object_get(list, "items");
    if (!json_is_array(items))
        return err_set(err, ERR_HTTP, "get %s: decode response: there is no list of items in it",
                       resource->plural);
    return resource_print(ctl, resource, items, list, err);
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

static int get(Ctl *ctl, const Resource *resource, const CommandLine *line, Err *err)
{
    if (line->arg_count > 0)
        return get_named(ctl, resource, line->args, line->arg_count, err);
    _cleanup_(mem_freep) char *path = list_path(resource, line);
    return get_list(ctl, resource, path, err);
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
    _cleanup_(buf_done) Buf path = { .max = 4096 };

    buf_add_str(&path, resource_event.path);
    for (size_t i = 0; i < line->arg_count; i++) {
        const char *name;
        const Resource *resource = resource_of_arg(line->args[i], &name);
        if (resource == NULL)
            return err_set(err, ERR_INVALID,
                           "get events: \"%.64s\" names nothing: write project/NAME or node/NAME",
                           line->args[i]);
        _cleanup_(mem_freep) char *escaped = http_escape(name);
        buf_printf(&path, "?for=%s/%s", resource->singular, escaped);
    }
    return get_list(ctl, &resource_event, buf_str(&path), err);
}

/* "caractrl get project/web", as `-o name` prints it; anything else shows help. */
static int run_by_path(Ctl *ctl, const CommandLine *line, Err *err)
{
    const Resource *resource = NULL;
    const char **names = mem_alloc(sizeof(char *) * (line->arg_count + 1));
    int result = 0;

    for (size_t i = 0; i < line->arg_count; i++) {
        const Resource *this = resource_of_arg(line->args[i], &names[i]);
        if (this == NULL || this == &resource_event || (resource != NULL && this != resource)) {
            resource = NULL;
            break;
        }
        resource = this;
    }
    if (resource == NULL)
        command_print_help(line->command, &ctl->out);
    else
        result = get_named(ctl, resource, names, line->arg_count, err);
    free(names);
    return result;
}

extern const Command cmd_get, cmd_get_nodes, cmd_get_projects, cmd_get_events;
const Command cmd_get = {
    .path = "get",
    .args = "KIND/NAME...",
    .brief = "Show nodes, projects or events",
    .max_args = ARGS_ANY,
    .run = run_by_path,
};
const Command cmd_get_nodes = {
    .path = "get nodes",
    .alias = "node",
    .args = "[name...]",
    .brief = "Show all nodes, or those named",
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
    .max_args = 1,
    .run = run_events,
};
