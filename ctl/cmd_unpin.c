#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "print.h"
#include "resource.h"

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    const char *name = resource_name(&resource_project, line->args[0]);
    _cleanup_(json_decrefp) json_t *project = NULL;

    _cleanup_(mem_freep) char *item = api_item_path(resource_project.path, name);
    _cleanup_(mem_freep) char *path = mem_printf("%s/unpin", item);
    if (api_call(ctl, "POST", path, NULL, NULL, &project, err) < 0)
        return err_prefix(err, "unpin project \"%.253s\"", name);
    if (!print_data(project, ctl->output, &ctl->out))
        buf_printf(&ctl->out, "project/%s%s\n", name,
                   ctl->output == OUTPUT_NAME ? "" : " unpinned");
    return 0;
}

extern const Command cmd_unpin;
const Command cmd_unpin = {
    .path = "unpin",
    .args = "PROJECT",
    .brief = "Let a project run elsewhere than where its data is, without that data",
    .min_args = 1,
    .max_args = 1,
    .complete = COMPLETE_PROJECTS,
    .run = run,
};
