/* The query string of a list that may be a watch. Pure. */
#ifndef CARA_SERVER_WATCH_QUERY_H
#define CARA_SERVER_WATCH_QUERY_H

#include "cara/buf.h"
#include "cara/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCH_TIMEOUT_MAX_S (24 * 60 * 60)

typedef struct WatchQuery {
    bool watch;
    bool bookmarks;    /* allowWatchBookmarks */
    int64_t position;  /* resourceVersion; -1 when there is none: from what is there now */
    int64_t timeout_s; /* timeoutSeconds; 0 for none */
} WatchQuery;

/* Adds to `filter` the p_query of api.watch_read: what is left, in one order. ERR_INVALID names the
 * parameter. */
int watch_query_parse(const char *query, size_t len, WatchQuery *ret, Buf *filter, Err *err);

#endif
