/* What the completion scripts ask: `caractrl __complete -- WORD... CURRENT` prints one candidate a
 * line, with a tab and what it is behind it where that is known. Candidates come from the same
 * table as everything else, names of nodes and projects from the server. */
#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "json_at.h"
#include "print.h"
#include "resource.h"

#include <string.h>

static void offer(Ctl *ctl, const char *word, const char *brief, const char *current)
{
    if (strncmp(word, current, strlen(current)) == 0)
        buf_printf(&ctl->out, "%s%s%s\n", word, brief != NULL ? "\t" : "",
                   brief != NULL ? brief : "");
}

static void offer_flag(Ctl *ctl, const Flag *flag, const char *current)
{
    _cleanup_(mem_freep) char *word = mem_printf("--%s", flag->name);

    offer(ctl, word, flag->help, current);
}

static void offer_flags(Ctl *ctl, const Command *command, const char *current)
{
    for (const Flag *f = command->flags; f != NULL && f->name != NULL; f++)
        offer_flag(ctl, f, current);
    for (const Flag *f = ctl_global_flags; f->name != NULL; f++)
        offer_flag(ctl, f, current);
    offer(ctl, "--help", "help for this command", current);
}

static void offer_names(Ctl *ctl, const Resource *resource, const char *prefix, const char *current)
{
    _cleanup_(json_decrefp) json_t *list = NULL;
    size_t i;
    json_t *item;

    if (api_call(ctl, "GET", resource->path, NULL, NULL, &list, &(Err){ 0 }) < 0)
        return; /* a completion that cannot be had stays silent */
    json_array_foreach (json_object_get(list, "items"), i, item) {
        _cleanup_(buf_done) Buf name = { .max = 1024 };
        buf_add_str(&name, prefix);
        print_clean(json_text_at(item, resource->name_at), &name);
        offer(ctl, buf_str(&name), NULL, current);
    }
}

/* "project/service" of every project. */
static void offer_services(Ctl *ctl, const char *current)
{
    _cleanup_(json_decrefp) json_t *list = NULL;
    size_t i, j;
    json_t *item, *service;

    if (api_call(ctl, "GET", resource_project.path, NULL, NULL, &list, &(Err){ 0 }) < 0)
        return;
    json_array_foreach (json_object_get(list, "items"), i, item) {
        json_array_foreach (json_at(item, "spec.services"), j, service) {
            _cleanup_(buf_done) Buf name = { .max = 1024 };
            print_clean(json_text_at(item, "metadata.name"), &name);
            buf_add_str(&name, "/");
            print_clean(json_text_at(service, "name"), &name);
            offer(ctl, buf_str(&name), NULL, current);
        }
    }
}

/* What may stand behind a flag: its choices, or names of what help calls its value. */
static void offer_values(Ctl *ctl, const Flag *flag, const char *current)
{
    for (size_t i = 0; flag->choices != NULL && flag->choices[i] != NULL; i++)
        offer(ctl, flag->choices[i], NULL, current);
    if (strcmp(flag->value, "node") == 0)
        offer_names(ctl, &resource_node, "", current);
    if (strcmp(flag->value, "kind/name") == 0) {
        offer_names(ctl, &resource_node, "node/", current);
        offer_names(ctl, &resource_project, "project/", current);
    }
}

/* The flag whose value the current word is, or NULL. */
static const Flag *pending_flag(const Command *command, const char *previous)
{
    const Flag *flag = NULL;

    if (previous[0] != '-' || strchr(previous, '=') != NULL)
        return NULL;
    if (previous[1] == '-')
        flag = command_flag(command, previous + 2, strlen(previous + 2), 0);
    else if (strlen(previous) == 2)
        flag = command_flag(command, NULL, 0, previous[1]);
    return flag != NULL && flag->value != NULL ? flag : NULL;
}

/* The --server of the line that is being completed. */
static void obey_server_flag(Ctl *ctl, const CommandLine *line)
{
    for (size_t i = 0; i + 1 < line->arg_count; i++) {
        const char *word = line->args[i];
        if (strncmp(word, "--server=", 9) == 0)
            ctl->server = word + 9;
        else if (strcmp(word, "--server") == 0 && i + 2 < line->arg_count)
            ctl->server = line->args[i + 1];
    }
}

/* The command that the words before the current one name. */
static const Command *command_so_far(const CommandLine *line)
{
    size_t count =
        line->arg_count > 0 ? line->arg_count : 1; /* its argv[0] replaces the last word */
    char **words = mem_alloc(sizeof(char *) * count);

    for (size_t i = 1; i < count; i++)
        words[i] = mem_strdup(line->args[i - 1]);
    const Command *command = command_resolve((int)count, words);
    for (size_t i = 1; i < count; i++)
        free(words[i]);
    free(words);
    return command;
}

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    size_t count = line->arg_count;
    const char *current = count > 0 ? line->args[count - 1] : "";
    const char *previous = count > 1 ? line->args[count - 2] : "";
    const Command *command = command_so_far(line);

    (void)err;
    obey_server_flag(ctl, line);
    const Flag *flag = pending_flag(command, previous);
    if (flag != NULL) {
        offer_values(ctl, flag, current);
        return 0;
    }
    if (*current == '-') {
        offer_flags(ctl, command, current);
        return 0;
    }
    for (size_t i = 0; ctl_commands[i] != NULL; i++)
        if (command_is_child(command, ctl_commands[i]) && !ctl_commands[i]->hidden)
            offer(ctl, command_name(ctl_commands[i]), ctl_commands[i]->brief, current);
    if (command->complete == COMPLETE_NODES)
        offer_names(ctl, &resource_node, "", current);
    if (command->complete == COMPLETE_PROJECTS)
        offer_names(ctl, &resource_project, "", current);
    if (command->complete == COMPLETE_SERVICES)
        offer_services(ctl, current);
    if (command->complete == COMPLETE_SETTINGS)
        offer_names(ctl, &resource_setting, "", current);
    return 0;
}

extern const Command cmd_complete;
const Command cmd_complete = {
    .path = "__complete",
    .brief = "What the completion scripts ask",
    .max_args = ARGS_ANY,
    .run = run,
    .hidden = true,
};
