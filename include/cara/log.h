/* One event text and key=value pairs, one line each, on stderr:
 *
 *     log_info("project placed", "project=%s node=%s epoch=%" PRId64, project, node, epoch);
 *
 * Coloured console lines on a terminal or with debug on, JSON lines elsewhere. Never a secret. Safe
 * from any thread. Values with blanks are quoted by the caller with %s only if they need it: the
 * format is split at ` key=` boundaries, so a value may hold blanks but not ` word=`. */
#ifndef CARA_LOG_H
#define CARA_LOG_H

#include <stdbool.h>

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } LogLevel;

void log_init(const char *program, bool debug);

/* fields may be NULL or "". */
void log_event(LogLevel level, const char *event, const char *fields, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(event, ...) log_event(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_event(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_event(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_ERROR, event, __VA_ARGS__)

#endif
