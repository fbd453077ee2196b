#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "delete_wait.h"
#include "json_at.h"
#include "listing.h"
#include "manifest.h"
#include "resource.h"

#include <string.h>

#define FORCE_FLAG(text)                                                                           \
    {                                                                                              \
        "force", 0, NULL, NULL, false, text, NULL                                                  \
    }
#define FORCE_PROJECTS "forget projects at once, whatever their nodes still run"
#define FORCE_NODES    "delete nodes that have projects: these get other nodes at once"
#define WAIT_FLAGS                                                                                 \
    { "timeout", 0, "duration", "5m", false, "with --wait: how long; 0 for ever", NULL },          \
    {                                                                                              \
        "wait", 0, NULL, NULL, false, "wait until nothing is left of them", NULL                   \
    }

static const Flag node_flags[] = {
    ALL_FLAG, FORCE_FLAG(FORCE_NODES), SELECTOR_FLAG, WAIT_FLAGS, { .name = NULL },
};

static const Flag project_flags[] = {
    ALL_FLAG, FORCE_FLAG(FORCE_PROJECTS), SELECTOR_FLAG, WAIT_FLAGS, { .name = NULL },
};

static const Flag delete_flags[] = {
    { "filename", 'f', "string", NULL, false,
      "file, directory or URL of what to delete, - for stdin; may be given again", NULL },
    FORCE_FLAG(FORCE_PROJECTS "; " FORCE_NODES),
    WAIT_FLAGS,
    { .name = NULL },
};

/* One run of the command. */
typedef struct Delete {
    Ctl *ctl;
    bool force;
    bool wait;
    const char *timeout; /* as it was given */
    int64_t timeout_ms;
    json_t *projects; /* owned: names of those that are being deleted still */
} Delete;

static int delete_init(Delete *d, Ctl *ctl, const CommandLine *line, Err *err)
{
    *d = (Delete){ .ctl = ctl,
                   .force = command_line_is_set(line, "force"),
                   .wait = command_line_is_set(line, "wait"),
                   .timeout = command_line_value(line, "timeout"),
                   .projects = json_array() };
    return command_line_duration(line, "timeout", &d->timeout_ms, err);
}

static void delete_done(Delete *d)
{
    json_decref(d->projects);
}

static int delete_one(Delete *d, const Resource *resource, const char *name, Err *err)
{
    _cleanup_(mem_freep) char *item = api_item_path(resource->path, name);
    _cleanup_(mem_freep) char *path = mem_printf("%s%s", item, d->force ? "?force=true" : "");
    Buf *out = &d->ctl->out;
    int status;

    if (api_call(d->ctl, "DELETE", path, NULL, &status, NULL, err) < 0)
        return err_prefix(err, "delete %s \"%.253s\"", resource->singular, name);
    if (d->ctl->output == OUTPUT_NAME)
        buf_printf(out, "%s/%s\n", resource->singular, name);
    else if (status == 204)
        buf_printf(out, "%s \"%s\" deleted\n", resource->singular, name);
    else if (!d->wait)
        buf_printf(out, "%s \"%s\" is being deleted\n", resource->singular, name);
    if (status != 204)
        json_array_append_new(d->projects, json_string(name));
    return 0;
}

/* When there are several, one that fails is told and the others are still deleted. */
static int delete_several(Delete *d, const Resource *resource, const char *const *names,
                          size_t count, Err *err)
{
    if (count == 1)
        return delete_one(d, resource, names[0], err);
    for (size_t i = 0; i < count; i++) {
        if (delete_one(d, resource, names[i], err) == 0)
            continue;
        ctl_tell_failure(d->ctl, err);
    }
    return 0;
}

/* With --wait: what takes time is waited for together. Nodes go at once, or not at all. */
static int wait_if_asked(Delete *d, Err *err)
{
    if (!d->wait)
        return 0;
    return delete_wait(d->ctl, &resource_project, d->projects, d->timeout_ms, d->timeout, err);
}

static int run_kind(Ctl *ctl, const Resource *resource, const CommandLine *line, Err *err)
{
    _cleanup_(delete_done) Delete d = { 0 };
    _cleanup_(json_decrefp) json_t *selected = NULL;

    if (delete_init(&d, ctl, line, err) < 0 ||
        listing_select(ctl, resource, line, &selected, err) < 0)
        return -1;
    const char **names = listing_strings(selected);
    int result = delete_several(&d, resource, names, json_array_size(selected), err);
    free(names);
    return result < 0 ? -1 : wait_if_asked(&d, err);
}

static int run_node(Ctl *ctl, const CommandLine *line, Err *err)
{
    return run_kind(ctl, &resource_node, line, err);
}

static int run_project(Ctl *ctl, const CommandLine *line, Err *err)
{
    return run_kind(ctl, &resource_project, line, err);
}

/* The names of one kind in the manifests; the list is owned by the caller, the names are items'. */
static const char **names_of_kind(const json_t *items, const Resource *resource, size_t *ret_count)
{
    const char **names = mem_alloc(sizeof(char *) * (json_array_size(items) + 1));
    size_t i;
    json_t *item;

    *ret_count = 0;
    json_array_foreach (items, i, item)
        if (strcmp(json_text_at(item, "kind"), resource->kind) == 0)
            names[(*ret_count)++] = json_text_at(item, "metadata.name");
    return names;
}

/* Projects before nodes, since a node that still has projects cannot go unless by force. */
static int delete_manifests(Ctl *ctl, const CommandLine *line, Err *err)
{
    static const Resource *const order[] = { &resource_project, &resource_node };
    _cleanup_(delete_done) Delete d = { 0 };
    _cleanup_(json_decrefp) json_t *items = NULL;
    size_t i;
    json_t *item;

    if (delete_init(&d, ctl, line, err) < 0 || manifest_read_flags(line, "delete", &items, err) < 0)
        return -1;
    json_array_foreach (items, i, item)
        if (*json_text_at(item, "metadata.name") == '\0')
            return err_set(err, ERR_INVALID, "delete: metadata.name is required");
    for (i = 0; i < ARRAY_LEN(order); i++) {
        size_t count;
        const char **names = names_of_kind(items, order[i], &count);
        int result = delete_several(&d, order[i], names, count, err);
        free(names);
        if (result < 0) /* the only one of its kind: the other kind is still to be tried */
            ctl_tell_failure(ctl, err);
        if (order[i] == &resource_project && wait_if_asked(&d, err) < 0)
            return -1;
    }
    return 0;
}

/* "caractrl delete -f FILE", or "caractrl delete project/web"; without either it shows help. */
static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    if (command_line_value(line, "filename") != NULL) {
        if (line->arg_count > 0)
            return err_set(err, ERR_INVALID,
                           "delete: \"%.64s\" cannot stand beside -f: give each file its own -f",
                           line->args[0]);
        return delete_manifests(ctl, line, err);
    }
    _cleanup_(delete_done) Delete d = { 0 };
    const char *name;
    if (delete_init(&d, ctl, line, err) < 0)
        return -1;
    for (size_t i = 0; i < line->arg_count; i++)
        if (listing_object(line, i, &name, err) == NULL)
            return -1;
    if (line->arg_count == 0)
        command_print_help(line->command, &ctl->out);
    for (size_t i = 0; i < line->arg_count; i++) {
        const Resource *resource = resource_of_arg(line->args[i], &name);
        if (delete_one(&d, resource, name, err) == 0)
            continue;
        ctl_tell_failure(ctl, err);
    }
    return wait_if_asked(&d, err);
}

extern const Command cmd_delete, cmd_delete_node, cmd_delete_project;
const Command cmd_delete = {
    .path = "delete",
    .child = "kind",
    .args = "(-f FILE | KIND/NAME...)",
    .brief = "Delete nodes or projects",
    .flags = delete_flags,
    .max_args = ARGS_ANY,
    .run = run,
};
const Command cmd_delete_node = {
    .path = "delete node",
    .alias = "nodes",
    .args = "<name>...",
    .brief = "Delete nodes that have no projects left",
    .flags = node_flags,
    .selects = true,
    .min_args = 1,
    .max_args = ARGS_ANY,
    .complete = COMPLETE_NODES,
    .run = run_node,
};
const Command cmd_delete_project = {
    .path = "delete project",
    .alias = "projects",
    .args = "<name>...",
    .brief = "Delete projects and what they run",
    .selects = true,
    .flags = project_flags,
    .min_args = 1,
    .max_args = ARGS_ANY,
    .complete = COMPLETE_PROJECTS,
    .run = run_project,
};
