#include "command.h"

#include <string.h>

extern const Command cmd_apply, cmd_complete, cmd_completion, cmd_completion_bash,
    cmd_completion_fish, cmd_completion_zsh, cmd_cordon, cmd_delete, cmd_delete_node,
    cmd_delete_project, cmd_describe, cmd_describe_node, cmd_describe_project, cmd_drain,
    cmd_events, cmd_exec, cmd_get, cmd_get_events, cmd_get_nodes, cmd_get_projects, cmd_help,
    cmd_logs, cmd_plan, cmd_port_forward, cmd_rebalance, cmd_settings, cmd_settings_get,
    cmd_settings_set, cmd_uncordon, cmd_unpin, cmd_version, cmd_wait, cmd_wait_node,
    cmd_wait_project, cmd_why;

static const char *const formats[] = { "table", "wide", "json", "yaml", "name", NULL };

const Flag ctl_global_flags[] = {
    { "output", 'o', "string", "table", false, "output format: table | wide | json | yaml | name",
      formats },
    { "server", 0, "string", "http://localhost:8080", false,
      "cara-server address, CARA_SERVER in the environment", NULL },
    { .name = NULL },
};

static const Flag root_flags[] = {
    { "version", 0, NULL, NULL, false, "print which build this is, as the command does", NULL },
    { .name = NULL },
};

static const Command cmd_root = {
    .path = "",
    .flags = root_flags,
    .brief = "Control a Caravanserai cluster",
    .description =
        "caractrl applies projects to a Caravanserai cluster and shows what became of them.",
    .max_args = ARGS_ANY,
};

/* Sorted within their parent: help shows them so. */
const Command *const ctl_commands[] = {
    &cmd_root,
    &cmd_complete,
    &cmd_apply,
    &cmd_completion,
    &cmd_completion_bash,
    &cmd_completion_fish,
    &cmd_completion_zsh,
    &cmd_cordon,
    &cmd_delete,
    &cmd_delete_node,
    &cmd_delete_project,
    &cmd_describe,
    &cmd_describe_node,
    &cmd_describe_project,
    &cmd_drain,
    &cmd_events,
    &cmd_exec,
    &cmd_get,
    &cmd_get_events,
    &cmd_get_nodes,
    &cmd_get_projects,
    &cmd_help,
    &cmd_logs,
    &cmd_plan,
    &cmd_port_forward,
    &cmd_rebalance,
    &cmd_settings,
    &cmd_settings_get,
    &cmd_settings_set,
    &cmd_uncordon,
    &cmd_unpin,
    &cmd_version,
    &cmd_wait,
    &cmd_wait_node,
    &cmd_wait_project,
    &cmd_why,
    NULL,
};

const char *command_name(const Command *command)
{
    const char *space = strrchr(command->path, ' ');

    if (*command->path == '\0')
        return "caractrl";
    return space != NULL ? space + 1 : command->path;
}

void command_full_name(const Command *command, Buf *out)
{
    buf_add_str(out, "caractrl");
    if (*command->path != '\0')
        buf_printf(out, " %s", command->path);
}

const Command *command_find(const char *path)
{
    for (size_t i = 0; ctl_commands[i] != NULL; i++)
        if (strcmp(ctl_commands[i]->path, path) == 0)
            return ctl_commands[i];
    return NULL;
}

bool command_is_child(const Command *parent, const Command *command)
{
    size_t len = strlen(parent->path);
    const char *rest = command->path;

    if (len > 0) {
        if (strncmp(rest, parent->path, len) != 0 || rest[len] != ' ')
            return false;
        rest += len + 1;
    }
    return *rest != '\0' && strchr(rest, ' ') == NULL;
}

const Command *command_child(const Command *parent, const char *word)
{
    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        const Command *c = ctl_commands[i];
        if (command_is_child(parent, c) && (strcmp(command_name(c), word) == 0 ||
                                            (c->alias != NULL && strcmp(c->alias, word) == 0)))
            return c;
    }
    return NULL;
}
