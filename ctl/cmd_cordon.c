/* caractrl cordon and uncordon: whether nodes take new projects. */
#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "listing.h"
#include "resource.h"

static const Flag flags[] = {
    ALL_FLAG,
    SELECTOR_FLAG,
    { .name = NULL },
};

static int mark(Ctl *ctl, const char *name, const char *verb, json_t *nodes, Err *err)
{
    _cleanup_(mem_freep) char *item = api_item_path(resource_node.path, name);
    _cleanup_(mem_freep) char *path = mem_printf("%s/%s", item, verb);
    json_t *node = NULL;

    if (api_call(ctl, "POST", path, NULL, NULL, &node, err) < 0)
        return err_prefix(err, "%s node \"%.253s\"", verb, name);
    json_array_append_new(nodes, node);
    if (ctl->output == OUTPUT_TABLE || ctl->output == OUTPUT_WIDE)
        buf_printf(&ctl->out, "node/%s %sed\n", name, verb);
    return 0;
}

/* One that fails is told and the others are still marked. */
static int mark_all(Ctl *ctl, const CommandLine *line, const char *verb, Err *err)
{
    _cleanup_(json_decrefp) json_t *selected = NULL;
    _cleanup_(json_decrefp) json_t *nodes = json_array();
    size_t i;
    json_t *name;

    if (listing_select(ctl, &resource_node, line, &selected, err) < 0)
        return -1;
    json_array_foreach (selected, i, name) {
        if (mark(ctl, json_string_value(name), verb, nodes, err) == 0)
            continue;
        if (line->arg_count == 1)
            return -1;
        ctl_tell_failure(ctl, err);
    }
    if (ctl->output == OUTPUT_TABLE || ctl->output == OUTPUT_WIDE || json_array_size(nodes) == 0)
        return 0;
    _cleanup_(json_decrefp) json_t *list = json_pack(
        "{s:s, s:s, s:O}", "apiVersion", "caravanserai/v1", "kind", "NodeList", "items", nodes);
    const json_t *whole = line->arg_count == 1 ? json_array_get(nodes, 0) : list;
    return resource_print(ctl, &resource_node, nodes, whole, err);
}

static int run_cordon(Ctl *ctl, const CommandLine *line, Err *err)
{
    return mark_all(ctl, line, "cordon", err);
}

static int run_uncordon(Ctl *ctl, const CommandLine *line, Err *err)
{
    return mark_all(ctl, line, "uncordon", err);
}

extern const Command cmd_cordon, cmd_uncordon;
const Command cmd_cordon = {
    .path = "cordon",
    .args = "NODE...",
    .flags = flags,
    .selects = true,
    .brief = "Have nodes take no new projects; those they have stay",
    .min_args = 1,
    .max_args = ARGS_ANY,
    .complete = COMPLETE_NODES,
    .run = run_cordon,
};
const Command cmd_uncordon = {
    .path = "uncordon",
    .args = "NODE...",
    .flags = flags,
    .selects = true,
    .brief = "Have nodes take projects again; a drain under way ends",
    .min_args = 1,
    .max_args = ARGS_ANY,
    .complete = COMPLETE_NODES,
    .run = run_uncordon,
};
