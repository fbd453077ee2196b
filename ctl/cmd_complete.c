/* What the completion scripts ask: `caractrl __complete -- WORD... CURRENT` prints one candidate a
 * line, with a tab and what it is behind it where that is known. Candidates come from the same
 * table as everything else, names of nodes and projects from the server. */
#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "condition.h"
#include "json_at.h"
#include "print.h"
#include "resource.h"

#include <string.h>

/* Bash takes --for=phase=Running apart at each "=", and wants only what follows the last one. */
typedef struct Words {
    char **words; /* put together again; owned */
    size_t count; /* the last one is at the cursor */
    size_t given; /* bytes of the last one that the shell has on its own already */
} Words;

static void words_done(Words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->words[i]);
    free(words->words);
}

static Words words_join(const CommandLine *line)
{
    Words w = { .words = mem_alloc(sizeof(char *) * (line->arg_count + 1)) };
    bool joins = false;

    for (size_t i = 0; i < line->arg_count; i++) {
        bool is_equals = strcmp(line->args[i], "=") == 0;
        if ((is_equals || joins) && w.count > 0) {
            char *before = w.words[w.count - 1];
            w.words[w.count - 1] = mem_printf("%s%s", before, line->args[i]);
            w.given = is_equals ? strlen(before) + 1 : strlen(before);
            free(before);
        } else {
            w.words[w.count++] = mem_strdup(line->args[i]);
            w.given = 0;
        }
        joins = is_equals;
    }
    return w;
}

/* What is at the cursor, and what of it an offer need not repeat. */
typedef struct Cursor {
    Ctl *ctl;
    const char *current;
    const char *prefix; /* before every offer: "--for=" */
    size_t given;
} Cursor;

static void offer(const Cursor *at, const char *word, const char *brief)
{
    _cleanup_(mem_freep) char *whole = mem_printf("%s%s", at->prefix, word);

    if (strncmp(whole, at->current, strlen(at->current)) == 0)
        buf_printf(&at->ctl->out, "%s%s%s\n", whole + at->given, brief != NULL ? "\t" : "",
                   brief != NULL ? brief : "");
}

static void offer_flag(const Cursor *at, const Flag *flag)
{
    _cleanup_(mem_freep) char *word = mem_printf("--%s", flag->name);

    offer(at, word, flag->help);
}

static void offer_flags(const Cursor *at, const Command *command)
{
    for (const Flag *f = command->flags; f != NULL && f->name != NULL; f++)
        offer_flag(at, f);
    for (const Flag *f = ctl_global_flags; f->name != NULL; f++)
        offer_flag(at, f);
    offer(at, "--help", "help for this command");
}

static void offer_names(const Cursor *at, const Resource *resource, const char *prefix)
{
    _cleanup_(json_decrefp) json_t *list = NULL;
    _cleanup_(mem_freep) char *path =
        mem_printf("%s%s", resource->path, resource == &resource_setting ? "" : "?limit=1000");
    size_t i;
    json_t *item;

    if (api_call(at->ctl, "GET", path, NULL, NULL, &list, &(Err){ 0 }) < 0)
        return; /* a completion that cannot be had stays silent */
    json_array_foreach (json_object_get(list, "items"), i, item) {
        _cleanup_(buf_done) Buf name = { .max = 1024 };
        buf_add_str(&name, prefix);
        print_clean(json_text_at(item, resource->name_at), &name);
        offer(at, buf_str(&name), NULL);
    }
}

static void offer_objects(const Cursor *at)
{
    offer_names(at, &resource_node, "node/");
    offer_names(at, &resource_project, "project/");
}

static void offer_conditions(const Cursor *at, const Command *command)
{
    bool of_nodes = strcmp(command_name(command), "node") == 0;
    const char *const *words = condition_offers(of_nodes ? &resource_node : &resource_project);

    for (size_t i = 0; words[i] != NULL; i++)
        offer(at, words[i], NULL);
}

/* "project/service" of the projects there are. */
static void offer_services(const Cursor *at)
{
    _cleanup_(json_decrefp) json_t *list = NULL;
    _cleanup_(mem_freep) char *path = mem_printf("%s?limit=1000", resource_project.path);
    size_t i, j;
    json_t *item, *service;

    if (api_call(at->ctl, "GET", path, NULL, NULL, &list, &(Err){ 0 }) < 0)
        return;
    json_array_foreach (json_object_get(list, "items"), i, item) {
        json_array_foreach (json_at(item, "spec.services"), j, service) {
            _cleanup_(buf_done) Buf name = { .max = 1024 };
            print_clean(json_text_at(item, "metadata.name"), &name);
            buf_add_str(&name, "/");
            print_clean(json_text_at(service, "name"), &name);
            offer(at, buf_str(&name), NULL);
        }
    }
}

/* What may stand behind a flag: its choices, or names of what help calls its value. */
static void offer_values(const Cursor *at, const Command *command, const Flag *flag)
{
    for (size_t i = 0; flag->choices != NULL && flag->choices[i] != NULL; i++)
        offer(at, flag->choices[i], NULL);
    if (strcmp(flag->value, "node") == 0)
        offer_names(at, &resource_node, "");
    if (strcmp(flag->value, "kind/name") == 0)
        offer_objects(at);
    if (strcmp(flag->value, "condition") == 0)
        offer_conditions(at, command);
}

static void offer_args(const Cursor *at, const Command *command)
{
    static const struct {
        CompleteArgs args;
        const Resource *resource;
    } names[] = {
        { COMPLETE_NODES, &resource_node },
        { COMPLETE_PROJECTS, &resource_project },
        { COMPLETE_SETTINGS, &resource_setting },
    };

    for (size_t i = 0; ctl_commands[i] != NULL; i++)
        if (command_is_child(command, ctl_commands[i]) && !ctl_commands[i]->hidden)
            offer(at, command_name(ctl_commands[i]), ctl_commands[i]->brief);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (command->complete == names[i].args)
            offer_names(at, names[i].resource, "");
    if (command->complete == COMPLETE_OBJECTS)
        offer_objects(at);
    if (command->complete == COMPLETE_SERVICES)
        offer_services(at);
}

/* The flag whose value the current word is, or NULL. */
static const Flag *pending_flag(const Command *command, const char *previous)
{
    const Flag *flag = NULL;

    if (previous[0] != '-' || strchr(previous, '=') != NULL)
        return NULL;
    if (strncmp(previous, "--", 2) == 0)
        flag = command_flag(command, previous + 2, strlen(previous + 2), 0);
    else if (strlen(previous) == 2)
        flag = command_flag(command, NULL, 0, previous[1]);
    return flag != NULL && flag->value != NULL ? flag : NULL;
}

/* The flag that "--name=" at the cursor gives, or NULL; *ret_len is how long that is. */
static const Flag *inline_flag(const Command *command, const char *current, size_t *ret_len)
{
    size_t len = strcspn(current, "=");

    if (strncmp(current, "--", 2) != 0 || current[len] != '=')
        return NULL;
    const Flag *flag = command_flag(command, current + 2, len - 2, 0);
    *ret_len = len + 1;
    return flag != NULL && flag->value != NULL ? flag : NULL;
}

/* The --server of the line that is being completed. */
static void obey_server_flag(Ctl *ctl, const Words *w)
{
    for (size_t i = 0; i + 1 < w->count; i++) {
        if (strncmp(w->words[i], "--server=", 9) == 0)
            ctl->server = w->words[i] + 9;
        else if (strcmp(w->words[i], "--server") == 0 && i + 2 < w->count)
            ctl->server = w->words[i + 1];
    }
}

/* The command that the words before the cursor name. */
static const Command *command_so_far(const Words *w)
{
    char **argv = mem_alloc(sizeof(char *) * (w->count + 1));

    for (size_t i = 1; i < w->count; i++)
        argv[i] = w->words[i - 1]; /* argv[0], the program, takes the place of the last one */
    const Command *command = command_resolve(w->count > 0 ? (int)w->count : 1, argv);
    free(argv);
    return command;
}

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(words_done) Words w = words_join(line);
    _cleanup_(mem_freep) char *prefix = NULL;
    const char *previous = w.count > 1 ? w.words[w.count - 2] : "";
    const Command *command = command_so_far(&w);
    size_t len = 0;
    Cursor at = { .ctl = ctl,
                  .current = w.count > 0 ? w.words[w.count - 1] : "",
                  .prefix = "",
                  .given = w.given };

    (void)err;
    obey_server_flag(ctl, &w);
    const Flag *flag = pending_flag(command, previous);
    if (flag == NULL) {
        flag = inline_flag(command, at.current, &len);
        prefix = mem_strndup(at.current, len);
        at.prefix = prefix;
    }
    if (flag != NULL)
        offer_values(&at, command, flag);
    else if (*at.current == '-')
        offer_flags(&at, command);
    else
        offer_args(&at, command);
    ctl->server = NULL; /* may be one of the words */
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
