#include "cara/version.h"
#include "command.h"

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    (void)line;
    (void)err;
    buf_printf(&ctl->out, "caractrl %s (commit %s, built %s)\n", cara_version, cara_commit,
               cara_built);
    return 0;
}

extern const Command cmd_version;
const Command cmd_version = {
    .path = "version",
    .brief = "Print which build this is",
    .max_args = ARGS_ANY,
    .run = run,
};
