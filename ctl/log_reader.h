/* The two places logs come from: the agent while a container is there, Postgres when it is not. */
#ifndef CTL_LOG_READER_H
#define CTL_LOG_READER_H

#include "agent_address.h"
#include "ctl.h"
#include "log_printer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct LogOptions {
    const char *project;
    bool follow;
    bool timestamps;
    const char *tail;  /* "all" or a number */
    const char *since; /* a duration or a time; NULL for all */
} LogOptions;

/* Prints what the container of one service has written and, with follow, writes until it ends.
 * Blocks; may run in a thread of its own. */
int log_read_live(const AgentAddress *agent, const LogOptions *options, const char *service,
                  LogPrinter *printer, Err *err);

/* Prints the last lines of the container of one service that died last, and on stderr how it ended.
 * ERR_NOT_FOUND when none has. */
int log_read_previous(Ctl *ctl, const LogOptions *options, const char *service, LogPrinter *printer,
                      Err *err);

/* Is anything kept of a container of the service that ended? No, when that cannot be asked. */
bool log_has_previous(Ctl *ctl, const char *project, const char *service);

/* Seconds since 1970 from which on lines are wanted, 0 for all: of a duration back from `now`, a
 * time, or seconds as they are. `since` may be NULL. */
int log_since_seconds(const char *since, int64_t now, int64_t *ret, Err *err);

/* "exited 137 (SIGKILL, out of memory)", "stopped (exit 0)" of a death; owned by the caller. */
char *death_words(const json_t *death);

#endif
