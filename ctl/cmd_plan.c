/* caractrl plan: what would change, and what would have to move or wait, if it were done. */
#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "manifest.h"
#include "print.h"
#include "resource.h"

#include <string.h>

static const Flag flags[] = {
    { "filename", 'f', "string", NULL, false,
      "file, directory or URL of manifests, - for stdin; may be given again", NULL },
    { "delete", 0, "kind/name", NULL, false, "as if this were deleted; more may follow", NULL },
    { "drain", 0, "node", NULL, false, "as if this node were drained", NULL },
    { "lose", 0, "node", NULL, false, "as if this node were lost", NULL },
    { .name = NULL },
};

static int add_deletion(const char *word, json_t *list, Err *err)
{
    const char *name;
    const Resource *resource = resource_of_arg(word, &name);

    if (resource != &resource_node && resource != &resource_project)
        return err_set(err, ERR_INVALID,
                       "plan: --delete: \"%.64s\" names nothing: write project/NAME or node/NAME",
                       word);
    _cleanup_(mem_freep) char *full = mem_printf("%s/%s", resource->singular, name);
    json_t *value = json_string(full);
    if (value == NULL)
        return err_set(err, ERR_INVALID, "plan: --delete: the name is not UTF-8");
    json_array_append_new(list, value);
    return 0;
}

/* "--delete project/a project/b --delete node/n1": arguments go on the list. */
static int take_deletions(const CommandLine *line, json_t *body, Err *err)
{
    _cleanup_(json_decrefp) json_t *list = json_array();

    for (size_t i = 0; i < line->flag_count; i++)
        if (strcmp(line->flags[i].flag->name, "delete") == 0 &&
            add_deletion(line->flags[i].value, list, err) < 0)
            return -1;
    if (line->arg_count > 0 && json_array_size(list) == 0)
        return err_set(
            err, ERR_INVALID,
            "plan: unexpected argument \"%.200s\": manifests stand behind -f, what is to "
            "be deleted behind --delete",
            line->args[0]);
    for (size_t i = 0; i < line->arg_count; i++)
        if (add_deletion(line->args[i], list, err) < 0)
            return -1;
    if (json_array_size(list) > 0)
        json_object_set(body, "delete", list);
    return 0;
}

/* --drain or --lose, at most one each. */
static int take_node(const CommandLine *line, const char *flag, json_t *body, Err *err)
{
    for (size_t i = 0; i < line->flag_count; i++) {
        if (strcmp(line->flags[i].flag->name, flag) != 0)
            continue;
        if (json_object_get(body, flag) != NULL)
            return err_set(err, ERR_INVALID, "plan: --%s takes one node: plan the others apart",
                           flag);
        json_t *name = json_string(line->flags[i].value);
        if (name == NULL)
            return err_set(err, ERR_INVALID, "plan: --%s: the name is not UTF-8", flag);
        json_object_set_new(body, flag, name);
    }
    return 0;
}

static char *read_request(const CommandLine *line, Err *err)
{
    _cleanup_(json_decrefp) json_t *body = json_object();
    _cleanup_(json_decrefp) json_t *items = NULL;

    if (command_line_value(line, "filename") != NULL) {
        if (manifest_read_flags(line, "plan", &items, err) < 0)
            return NULL;
        json_object_set(body, "apply", items);
    }
    if (take_deletions(line, body, err) < 0 || take_node(line, "drain", body, err) < 0 ||
        take_node(line, "lose", body, err) < 0)
        return NULL;
    if (json_object_size(body) == 0) {
        err_set(err, ERR_INVALID,
                "plan: what is to be planned? -f FILE, --delete KIND/NAME, --drain NODE or --lose "
                "NODE, or several of them");
        return NULL;
    }
    return manifest_encode(body, json_array_size(items), "plan", err);
}

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(mem_freep) char *body = read_request(line, err);
    _cleanup_(json_decrefp) json_t *plan = NULL;

    if (body == NULL)
        return -1;
    if (api_call(ctl, "POST", "/api/v1/plan", body, NULL, &plan, err) < 0)
        return err_prefix(err, "plan");
    if (!json_is_array(json_object_get(plan, "items")))
        return err_set(err, ERR_HTTP, "plan: decode response: there is no list of items in it");
    if (print_data(plan, ctl->output, &ctl->out))
        return 0;
    if (ctl->output == OUTPUT_NAME) {
        print_plan_names(plan, &ctl->out);
        return 0;
    }
    print_plan(plan, &ctl->out);
    buf_add_str(&ctl->out, "Plan: ");
    print_plan_summary(plan, &ctl->out);
    buf_add_str(&ctl->out, ". Nothing was changed.\n");
    return 0;
}

extern const Command cmd_plan;
const Command cmd_plan = {
    .path = "plan",
    .args = "[-f FILE] [--delete KIND/NAME...] [--drain NODE] [--lose NODE]",
    .brief = "Show what would change, move or have to wait, without doing it",
    .flags = flags,
    .max_args = ARGS_ANY,
    .run = run,
};
