/* A command in a container, with this program's stdin, stdout and stderr. */
#ifndef CTL_EXEC_SESSION_H
#define CTL_EXEC_SESSION_H

#include "dial.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct ExecOptions {
    const char *const *command;
    size_t count;
    bool has_stdin;
    bool tty;
} ExecOptions;

/* Runs it to its end; *ret_status is its exit status, or 128 and the number of the signal that
 * ended this program's part in it. The terminal is as before when it returns. */
int exec_session_run(const DialPlace *place, const ExecOptions *options, int *ret_status, Err *err);

#endif
