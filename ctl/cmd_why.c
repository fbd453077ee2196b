#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "describe.h"
#include "json_at.h"
#include "listing.h"
#include "print.h"
#include "resource.h"

static const Flag flags[] = {
    SELECTOR_FLAG,
    { "nodes", 0, NULL, NULL, false, "show the verdict on every single node too", NULL },
    { .name = NULL },
};

static int ask(Ctl *ctl, const CommandLine *line, const char *name, json_t **ret, Err *err)
{
    _cleanup_(mem_freep) char *item = api_item_path(resource_project.path, name);
    _cleanup_(mem_freep) char *path =
        mem_printf("%s/why%s", item, command_line_is_set(line, "nodes") ? "?nodes=true" : "");

    if (api_call(ctl, "GET", path, NULL, NULL, ret, err) < 0)
        return err_prefix(err, "why \"%.253s\"", name);
    return 0;
}

static bool wants_data(const Ctl *ctl)
{
    return ctl->output == OUTPUT_JSON || ctl->output == OUTPUT_YAML;
}

/* What a node lacks is told by name only; what was asked for is in the spec. It is an extra: NULL
 * when it cannot be had. Owned by the caller. */
static json_t *fetch_asked(Ctl *ctl, const char *name, const json_t *why)
{
    _cleanup_(mem_freep) char *path = api_item_path(resource_project.path, name);
    json_t *project = NULL;

    if (json_array_size(json_at(why, "reasons")) > 0)
        api_call(ctl, "GET", path, NULL, NULL, &project, &(Err){ 0 });
    return project;
}

/* As text there are two empty lines between projects, as data they are one list. */
static void print_one(Ctl *ctl, const char *name, const json_t *why, bool is_first)
{
    if (ctl->output == OUTPUT_NAME) {
        buf_printf(&ctl->out, "project/%s\n", name);
        return;
    }
    _cleanup_(json_decrefp) json_t *project = fetch_asked(ctl, name, why);
    buf_add_str(&ctl->out, is_first ? "" : "\n\n");
    describe_why(why, json_at(project, "spec.placement"), ctl->now, &ctl->out);
}

static int why_selected(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(json_decrefp) json_t *names = NULL;
    _cleanup_(json_decrefp) json_t *answers = json_array();
    size_t i;
    json_t *name;

    if (listing_select(ctl, &resource_project, line, &names, err) < 0)
        return -1;
    json_array_foreach (names, i, name) {
        json_t *why = NULL;
        if (ask(ctl, line, json_string_value(name), &why, err) < 0) {
            ctl_tell_failure(ctl, err);
            continue;
        }
        if (!wants_data(ctl))
            print_one(ctl, json_string_value(name), why, json_array_size(answers) == 0);
        json_array_append_new(answers, why);
    }
    if (wants_data(ctl)) {
        _cleanup_(json_decrefp) json_t *list = json_pack(
            "{s:s, s:s, s:O}", "apiVersion", "caravanserai/v1", "kind", "List", "items", answers);
        print_data(list, ctl->output, &ctl->out);
    }
    return 0;
}

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(json_decrefp) json_t *why = NULL;

    if (line->arg_count == 0)
        return why_selected(ctl, line, err);
    const char *name = listing_name(line, &resource_project, line->args[0], err);
    if (name == NULL || ask(ctl, line, name, &why, err) < 0)
        return -1;
    if (wants_data(ctl))
        print_data(why, ctl->output, &ctl->out);
    else
        print_one(ctl, name, why, true);
    return 0;
}

extern const Command cmd_why;
const Command cmd_why = {
    .path = "why",
    .args = "PROJECT",
    .brief = "Tell why a project is where it is, or why it waits and what would help",
    .flags = flags,
    .selects = true,
    .min_args = 1,
    .max_args = 1,
    .complete = COMPLETE_PROJECTS,
    .run = run,
};
