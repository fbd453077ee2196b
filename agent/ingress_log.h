/* The access log: one line a request, written by the loop some at a time. */
#ifndef AGENT_INGRESS_LOG_H
#define AGENT_INGRESS_LOG_H

#include "cara/err.h"

#include <h2o.h>
#include <stdint.h>

typedef struct AccessLog AccessLog;

typedef struct AccessEntry {
    const char *peer;
    const char *host;
    const char *line; /* method and target */
    const char *backend;
    int minor;
    int status;
    uint64_t bytes;
    uint64_t took_ms;
} AccessEntry;

/* Appends to the file, "-" being standard output. */
AccessLog *access_log_open(const char *path, h2o_loop_t *loop, Err *err);
void access_log_add(AccessLog *log, const AccessEntry *entry);

#endif
