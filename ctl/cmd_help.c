#include "cara/mem.h"
#include "command.h"

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    const Command *command = ctl_commands[0];

    for (size_t i = 0; i < line->arg_count; i++) {
        command = command_child(command, line->args[i]);
        if (command == NULL)
            return err_set(err, ERR_INVALID, "no help about \"%.64s\": see caractrl help",
                           line->args[i]);
    }
    command_print_help(command, &ctl->out);
    return 0;
}

extern const Command cmd_help;
const Command cmd_help = {
    .path = "help",
    .args = "[command]",
    .brief = "Help about any command",
    .max_args = ARGS_ANY,
    .run = run,
};
