#include "command.h"

#include "cara/mem.h"

#include <string.h>

#define NAME_WIDTH 11 /* of subcommands, at least */
#define FLAGS_MAX  32

/* How wide the names of its subcommands are; 0 when it has none. */
static size_t children_width(const Command *command)
{
    size_t width = 0;

    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        size_t len = strlen(command_name(ctl_commands[i]));
        if (!command_is_child(command, ctl_commands[i]) || ctl_commands[i]->hidden)
            continue;
        width = width > NAME_WIDTH ? width : NAME_WIDTH;
        width = width > len ? width : len;
    }
    return width;
}

/* ---- flags ----------------------------------------------------------------------------------- */

/* "  -o, --output string" */
static void flag_left(const Flag *flag, Buf *out)
{
    if (flag->shorthand != 0)
        buf_printf(out, "  -%c, --%s", flag->shorthand, flag->name);
    else
        buf_printf(out, "      --%s", flag->name);
    if (flag->value != NULL)
        buf_printf(out, " %s", flag->value);
}

static void print_flags(const Flag *const *flags, size_t count, Buf *out)
{
    size_t width = 0;

    for (size_t i = 0; i < count; i++) {
        _cleanup_(buf_done) Buf left = { .max = 256 };
        flag_left(flags[i], &left);
        width = left.len > width ? left.len : width;
    }
    for (size_t i = 0; i < count; i++) {
        _cleanup_(buf_done) Buf left = { .max = 256 };
        flag_left(flags[i], &left);
        buf_printf(out, "%-*s   %s", (int)width, buf_str(&left), flags[i]->help);
        if (flags[i]->fallback != NULL)
            buf_printf(out, " (default \"%s\")", flags[i]->fallback);
        buf_add_str(out, "\n");
    }
}

/* Adds the flags of a list to those that are there already, by name. Returns how many there are. */
static size_t gather(const Flag *list, const Flag **out, size_t count)
{
    for (; list != NULL && list->name != NULL && count < FLAGS_MAX; list++)
        out[count++] = list;
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && strcmp(out[j - 1]->name, out[j]->name) > 0; j--) {
            const Flag *swap = out[j];
            out[j] = out[j - 1];
            out[j - 1] = swap;
        }
    return count;
}

static void print_flag_sections(const Command *command, Buf *out)
{
    const Flag *flags[FLAGS_MAX];
    bool root = *command->path == '\0';
    _cleanup_(mem_freep) char *text = mem_printf("help for %s", command_name(command));
    const Flag help[] = { { .name = "help", .shorthand = 'h', .help = text }, { .name = NULL } };

    buf_add_str(out, "\nFlags:\n");
    size_t count = gather(command->flags, flags, gather(help, flags, 0));
    if (root)
        count = gather(ctl_global_flags, flags, count);
    print_flags(flags, count, out);
    if (root)
        return;
    buf_add_str(out, "\nGlobal Flags:\n");
    count = gather(ctl_global_flags, flags, 0);
    print_flags(flags, count, out);
}

/* ---- the rest -------------------------------------------------------------------------------- */

void command_print_usage(const Command *command, Buf *out)
{
    _cleanup_(buf_done) Buf name = { .max = 256 };
    size_t width = children_width(command);
    bool children = width > 0;

    command_full_name(command, &name);
    buf_add_str(out, "Usage:\n");
    if (command->run != NULL)
        buf_printf(out, "  %s%s%s [flags]\n", buf_str(&name), command->args != NULL ? " " : "",
                   command->args != NULL ? command->args : "");
    if (children)
        buf_printf(out, "  %s [command]\n", buf_str(&name));
    if (command->alias != NULL)
        buf_printf(out, "\nAliases:\n  %s, %s\n", command_name(command), command->alias);
    if (children) {
        buf_add_str(out, "\nAvailable Commands:\n");
        for (size_t i = 0; ctl_commands[i] != NULL; i++) {
            const Command *c = ctl_commands[i];
            if (command_is_child(command, c) && !c->hidden)
                buf_printf(out, "  %-*s %s\n", (int)width, command_name(c), c->brief);
        }
    }
    print_flag_sections(command, out);
    if (children)
        buf_printf(out, "\nUse \"%s [command] --help\" for more information about a command.\n",
                   buf_str(&name));
}

void command_print_help(const Command *command, Buf *out)
{
    buf_printf(out, "%s\n\n", command->description != NULL ? command->description : command->brief);
    command_print_usage(command, out);
}
