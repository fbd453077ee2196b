#include "command.h"

#include "cara/mem.h"
#include "cara/time.h"

#include <stdio.h>
#include <string.h>

static const Flag help_flag = { .name = "help", .shorthand = 'h' };

static const Flag *find_flag(const Flag *flags, const char *name, size_t len, char shorthand)
{
    for (; flags != NULL && flags->name != NULL; flags++) {
        if (name != NULL ? strlen(flags->name) == len && memcmp(flags->name, name, len) == 0
                         : flags->shorthand == shorthand)
            return flags;
    }
    return NULL;
}

const Flag *command_flag(const Command *command, const char *name, size_t len, char shorthand)
{
    const Flag *flag = find_flag(command->flags, name, len, shorthand);

    if (flag == NULL)
        flag = find_flag(ctl_global_flags, name, len, shorthand);
    if (flag == NULL &&
        (name != NULL ? len == 4 && memcmp(name, "help", 4) == 0 : shorthand == 'h'))
        flag = &help_flag;
    return flag;
}

/* ---- which command --------------------------------------------------------------------------- */

/* Does this flag, met before its command is known, take the next word as its value? */
static bool takes_next_word(const char *word)
{
    bool is_long = word[1] == '-';

    if (is_long ? strchr(word, '=') != NULL : strlen(word) != 2)
        return false;
    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        const Flag *flag = is_long ? command_flag(ctl_commands[i], word + 2, strlen(word + 2), 0)
                                   : command_flag(ctl_commands[i], NULL, 0, word[1]);
        if (flag != NULL && flag->value != NULL)
            return true;
    }
    return false;
}

/* As command_resolve; marks which words of argv named it when `used` is not NULL. */
static const Command *walk(int argc, char *const *argv, bool *used)
{
    const Command *command = ctl_commands[0];

    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--") == 0)
            break;
        if (word[0] == '-' && word[1] != '\0') {
            i += takes_next_word(word);
            continue;
        }
        const Command *child = command_child(command, word);
        if (child == NULL)
            break;
        command = child;
        if (used != NULL)
            used[i] = true;
    }
    return command;
}

const Command *command_resolve(int argc, char *const *argv)
{
    return walk(argc, argv, NULL);
}

/* ---- flags ----------------------------------------------------------------------------------- */

/* "-o, --output" */
static void flag_title(const Flag *flag, char out[static 64])
{
    if (flag->shorthand != 0)
        snprintf(out, 64, "-%c, --%s", flag->shorthand, flag->name);
    else
        snprintf(out, 64, "--%s", flag->name);
}

static int check_choice(const Flag *flag, const char *value, Err *err)
{
    _cleanup_(buf_done) Buf list = { .max = 512 };
    char title[64];

    if (flag->choices == NULL)
        return 0;
    for (size_t i = 0; flag->choices[i] != NULL; i++) {
        if (strcmp(flag->choices[i], value) == 0)
            return 0;
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", flag->choices[i]);
    }
    flag_title(flag, title);
    return err_set(err, ERR_INVALID,
                   "invalid argument \"%.64s\" for \"%s\" flag: must be one of %s", value, title,
                   buf_str(&list));
}

static int parse_switch(const Flag *flag, const char *text, const char **ret, Err *err)
{
    static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
    static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
    char title[64];

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *ret = strcmp(text, yes[i]) == 0 ? "true" : "false";
            return 0;
        }
    }
    flag_title(flag, title);
    return err_set(err, ERR_INVALID,
                   "invalid argument \"%.64s\" for \"%s\" flag: must be true or false", text,
                   title);
}

static int store(CommandLine *line, const Flag *flag, const char *value, Err *err)
{
    if (flag->value == NULL && parse_switch(flag, value, &value, err) < 0)
        return -1;
    if (check_choice(flag, value, err) < 0)
        return -1;
    if (flag == &help_flag) {
        line->help = strcmp(value, "true") == 0;
        return 0;
    }
    if (line->flag_count == ARGS_STORED)
        return err_set(err, ERR_INVALID, "more than %d flags: use a directory instead",
                       ARGS_STORED);
    line->flags[line->flag_count].flag = flag;
    line->flags[line->flag_count].value = value;
    line->flag_count++;
    return 0;
}

/* `word` is "--name" or "--name=value"; *i moves on when the next word is the value. */
static int parse_long(CommandLine *line, int argc, char **argv, int *i, Err *err)
{
    const char *name = argv[*i] + 2;
    size_t len = strcspn(name, "=");

    if (len == 0 || name[0] == '-')
        return err_set(err, ERR_INVALID, "bad flag syntax: %.64s", argv[*i]);
    const Flag *flag = command_flag(line->command, name, len, 0);
    if (flag == NULL)
        return err_set(err, ERR_INVALID, "unknown flag: --%.*s", (int)(len < 64 ? len : 64), name);
    if (name[len] == '=')
        return store(line, flag, name + len + 1, err);
    if (flag->value == NULL)
        return store(line, flag, "true", err);
    if (*i + 1 == argc)
        return err_set(err, ERR_INVALID, "flag needs an argument: --%s", flag->name);
    return store(line, flag, argv[++*i], err);
}

/* "-x", "-xvalue", "-x=value", or several switches in one word. */
static int parse_short(CommandLine *line, int argc, char **argv, int *i, Err *err)
{
    for (const char *p = argv[*i] + 1; *p != '\0'; p++) {
        const Flag *flag = command_flag(line->command, NULL, 0, *p);
        if (flag == NULL)
            return err_set(err, ERR_INVALID, "unknown shorthand flag: '%c' in -%.64s", *p, p);
        if (p[1] == '=')
            return store(line, flag, p + 2, err);
        if (flag->value != NULL) {
            if (p[1] != '\0')
                return store(line, flag, p + 1, err);
            if (*i + 1 == argc)
                return err_set(err, ERR_INVALID, "flag needs an argument: '%c' in -%.64s", *p, p);
            return store(line, flag, argv[++*i], err);
        }
        if (store(line, flag, "true", err) < 0)
            return -1;
    }
    return 0;
}

static int unknown_command(const char *word, Err *err)
{
    _cleanup_(buf_done) Buf near = { .max = 512 };

    command_suggest(word, &near);
    if (near.len > 0)
        return err_set(err, ERR_INVALID,
                       "unknown command \"%.64s\" for \"caractrl\"\n\nDid you mean this?\n%s", word,
                       buf_str(&near));
    return err_set(err, ERR_INVALID, "unknown command \"%.64s\" for \"caractrl\"", word);
}

static int check_args(const CommandLine *line, Err *err)
{
    const Command *c = line->command;
    int count = (int)line->arg_count;
    bool selected = c->selects && (command_line_value(line, "selector") != NULL ||
                                   command_line_is_set(line, "all"));

    if (selected && count > 0)
        return err_set(err, ERR_INVALID, "names cannot stand beside --selector or --all");
    if (selected)
        count = c->min_args;
    if (count < c->min_args && c->max_args == ARGS_ANY)
        return err_set(err, ERR_INVALID, "requires at least %d arg(s), only received %d",
                       c->min_args, count);
    if (count < c->min_args || (c->max_args == c->min_args && count != c->min_args))
        return err_set(err, ERR_INVALID, "accepts %d arg(s), received %d", c->min_args, count);
    if (c->max_args != ARGS_ANY && count > c->max_args)
        return err_set(err, ERR_INVALID, "accepts at most %d arg(s), received %d", c->max_args,
                       count);
    for (const Flag *f = c->flags; f != NULL && f->name != NULL; f++)
        if (f->required && command_line_value(line, f->name) == NULL)
            return err_set(err, ERR_INVALID, "required flag(s) \"%s\" not set", f->name);
    return 0;
}

int command_line_parse(int argc, char **argv, CommandLine *line, Err *err)
{
    bool *used = mem_alloc((size_t)argc + 1);
    bool flags_end = false;
    int result = 0;

    *line = (CommandLine){ .args = mem_alloc(sizeof(char *) * ((size_t)argc + 1)) };
    line->command = walk(argc, argv, used);
    for (int i = 1; i < argc && result == 0; i++) {
        const char *word = argv[i];
        if (used[i])
            continue;
        if (flags_end || word[0] != '-' || word[1] == '\0') {
            line->args[line->arg_count++] = word;
            flags_end |= line->arg_count == (size_t)line->command->flags_end_after;
        } else if (strcmp(word, "--") == 0) {
            flags_end = true;
        } else if (word[1] == '-') {
            result = parse_long(line, argc, argv, &i, err);
        } else {
            result = parse_short(line, argc, argv, &i, err);
        }
    }
    free(used);
    if (line->command == ctl_commands[0] && line->arg_count > 0) {
        line->command = NULL;
        return unknown_command(line->args[0], err);
    }
    if (result == 0 && !line->help && line->command->run != NULL)
        result = check_args(line, err);
    return result;
}

void command_line_done(CommandLine *line)
{
    free(line->args);
    *line = (CommandLine){ 0 };
}

const char *command_line_value(const CommandLine *line, const char *flag)
{
    for (size_t i = line->flag_count; i > 0; i--)
        if (strcmp(line->flags[i - 1].flag->name, flag) == 0)
            return line->flags[i - 1].value;
    const Flag *known = command_flag(line->command, flag, strlen(flag), 0);
    return known != NULL ? known->fallback : NULL;
}

bool command_line_is_set(const CommandLine *line, const char *flag)
{
    const char *value = command_line_value(line, flag);

    return value != NULL && strcmp(value, "true") == 0;
}

int command_line_duration(const CommandLine *line, const char *flag, int64_t *ret_ms, Err *err)
{
    if (time_parse_duration(command_line_value(line, flag), ret_ms, err) < 0)
        return err_prefix(err, "%s: --%s", line->command->path, flag);
    return 0;
}
