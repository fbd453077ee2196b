#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "describe.h"
#include "print.h"
#include "resource.h"

static const Flag flags[] = {
    { "nodes", 0, NULL, NULL, false, "show the verdict on every single node too", NULL },
    { .name = NULL },
};

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    const char *name = resource_name(&resource_project, line->args[0]);
    _cleanup_(json_decrefp) json_t *why = NULL;

    _cleanup_(mem_freep) char *item = api_item_path(resource_project.path, name);
    _cleanup_(mem_freep) char *path =
        mem_printf("%s/why%s", item, command_line_is_set(line, "nodes") ? "?nodes=true" : "");
    if (api_call(ctl, "GET", path, NULL, NULL, &why, err) < 0)
        return err_prefix(err, "why \"%.253s\"", name);
    if (ctl->output == OUTPUT_NAME)
        buf_printf(&ctl->out, "project/%s\n", name);
    else if (!print_data(why, ctl->output, &ctl->out))
        describe_why(why, ctl->now, &ctl->out);
    return 0;
}

extern const Command cmd_why;
const Command cmd_why = {
    .path = "why",
    .args = "PROJECT",
    .brief = "Tell why a project is where it is, or why it waits and what would help",
    .flags = flags,
    .min_args = 1,
    .max_args = 1,
    .complete = COMPLETE_PROJECTS,
    .run = run,
};
