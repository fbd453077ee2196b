/* Commands, their flags, and a command line read against them. The rules are cobra's and pflag's:
 * flags may stand anywhere, --x v, --x=v, -x v, -xv, -- ends them. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "cara/buf.h"
#include "cara/err.h"
#include "ctl.h"

#include <stddef.h>

#define ARGS_ANY    (-1)
#define ARGS_STORED 64 /* flags given on one line */

typedef struct Flag {
    const char *name;  /* without dashes; NULL ends a list */
    char shorthand;    /* or 0 */
    const char *value; /* the kind of its value as help shows it ("string"; completion offers names
                          for "node" and "kind/name"), NULL for a switch */
    const char *fallback; /* default as help shows it, or NULL */
    bool required;
    const char *help;
    const char *const *choices; /* NULL-terminated words it takes, or NULL for any */
} Flag;

typedef struct CommandLine CommandLine;

/* What shell completion offers for a command's arguments. */
typedef enum CompleteArgs {
    COMPLETE_NONE,
    COMPLETE_NODES,
    COMPLETE_PROJECTS,
    COMPLETE_SERVICES, /* project/service */
    COMPLETE_SETTINGS,
    COMPLETE_OBJECTS, /* node/NAME, project/NAME */
} CompleteArgs;

typedef struct Command {
    const char *path; /* "", "get", "get nodes" */
    const char *alias;
    const char *child; /* what a command below it is: "kind", "shell"; NULL for "command" */
    const char *args;  /* as usage shows them: "<name>" */
    const char *brief;
    const char *description; /* NULL for brief */
    const Flag *flags;       /* ended by a name of NULL; NULL for none */
    int min_args;
    int max_args;        /* ARGS_ANY for no limit */
    bool selects;        /* -l or --all may stand in for the arguments */
    int flags_end_after; /* with that many arguments flags end, as behind `--`; 0: never */
    CompleteArgs complete;
    /* NULL shows help. Returns 0, or -1 with err. */
    int (*run)(Ctl *ctl, const CommandLine *line, Err *err);
    bool hidden;
} Command;

/* The table, in commands.c, ended by NULL; the root comes first. */
extern const Command *const ctl_commands[];
extern const Flag ctl_global_flags[];

struct CommandLine {
    const Command *command;
    bool help;
    size_t flag_count;
    struct {
        const Flag *flag;
        const char *value; /* "true" or "false" of a switch */
    } flags[ARGS_STORED];
    size_t arg_count;
    const char **args; /* owned; what they point to is argv's */
};

const char *command_name(const Command *command);         /* last word: "nodes" */
void command_full_name(const Command *command, Buf *out); /* "caractrl get nodes" */
const Command *command_find(const char *path);
const Command *command_child(const Command *parent, const char *word);
bool command_is_child(const Command *parent, const Command *command);

/* The flag of this name (or shorthand when name is NULL) that the command takes, its own or a
 * global one. */
const Flag *command_flag(const Command *command, const char *name, size_t len, char shorthand);

/* Walks down the table as far as the words go, without judging flags. Never NULL. */
const Command *command_resolve(int argc, char *const *argv);

/* Reads argv[1..]; line->command is right even when it fails (its usage is what to show), except
 * for an unknown command: then it is NULL. line must be freed with command_line_done in any case.
 */
int command_line_parse(int argc, char **argv, CommandLine *line, Err *err);
void command_line_done(CommandLine *line);

/* The last value given, else the flag's default. */
const char *command_line_value(const CommandLine *line, const char *flag);
bool command_line_is_set(const CommandLine *line, const char *flag); /* of a switch: is it on? */

/* The value of a flag that takes a duration, in milliseconds. Read before anything is sent: a line
 * that is wrong does nothing. */
int command_line_duration(const CommandLine *line, const char *flag, int64_t *ret_ms, Err *err);

/* help.c */
void command_print_help(const Command *command, Buf *out); /* description, then usage */
void command_print_usage(const Command *command, Buf *out);

/* suggest.c: names of commands close to the word, as "\tget\n" lines. */
void command_suggest(const char *word, Buf *out);

/* The word is none of the commands below the parent: says which is near, or which there are.
 * Returns -1. */
int command_unknown_child(const Command *parent, const char *word, Err *err);

#endif
