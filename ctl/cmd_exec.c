/* caractrl exec: a command in a running container, through its node's agent. */
#include "cara/http.h"
#include "cara/mem.h"
#include "cara/names.h"
#include "command.h"
#include "exec_session.h"
#include "target.h"

static const Flag flags[] = {
    { "stdin", 'i', NULL, NULL, false, "send this program's stdin to it", NULL },
    { "tty", 't', NULL, NULL, false, "give it a terminal: this one", NULL },
    { "node", 0, "node", NULL, false,
      "the node to go through, or its agent's host:port; default: the one that has the project",
      NULL },
    { .name = NULL },
};

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(mem_freep) char *project = NULL;
    _cleanup_(mem_freep) char *service = NULL;
    _cleanup_(json_decrefp) json_t *object = NULL;
    _cleanup_(dial_place_done) DialPlace place = { 0 };
    ExecOptions options = {
        .command = line->args + 1,
        .count = line->arg_count - 1,
        .has_stdin = command_line_is_set(line, "stdin"),
        .tty = command_line_is_set(line, "tty"),
    };
    AgentAddress agent;

    if (target_split(line->args[0], &project, &service, err) < 0 ||
        target_find(ctl, project, service, command_line_value(line, "node"), &agent, &object, err) <
            0)
        return -1;
    _cleanup_(mem_freep) char *escaped_project = http_escape(project);
    _cleanup_(mem_freep) char *escaped_service = http_escape(service);
    _cleanup_(mem_freep) char *path =
        mem_printf("/api/v1/exec/%s/%s", escaped_project, escaped_service);
    if (dial_place_init(&place, &agent, path, EXEC_PROTOCOL, err) < 0)
        return -1;
    return exec_session_run(&place, &options, &ctl->exit_status, err);
}

extern const Command cmd_exec;
const Command cmd_exec = {
    .path = "exec",
    .args = "<project>/<service> [-it] [--] COMMAND [ARG...]",
    .brief = "Run a command in a running container",
    .description =
        "Runs a command in the container of a service, through the agent of its node, and exits "
        "with its exit status.\nWhat follows COMMAND is the command's own, flags too.",
    .flags = flags,
    .min_args = 2,
    .max_args = ARGS_ANY,
    .flags_end_after = 2,
    .complete = COMPLETE_SERVICES,
    .run = run,
};
