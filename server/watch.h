/* GET /api/v1/nodes?watch=true and the like: JSON lines of what changes, for as long as both sides
 * want. A watcher first reads alone what it does not have yet, page by page; then it joins the feed
 * of its query, where the log is read once for everybody. */
#ifndef CARA_SERVER_WATCH_H
#define CARA_SERVER_WATCH_H

#include "hub.h"
#include "pool.h"
#include "watch_query.h"

#include <h2o.h>

typedef struct Watches Watches;

typedef struct WatchesOptions {
    h2o_loop_t *loop;
    Pool *pool;
    size_t first_statement; /* of pages_statements in the pool's */
    Hub *hub;
} WatchesOptions;

/* What the options hold must outlive it. */
Watches *watches_new(const WatchesOptions *options);

size_t watches_count(const Watches *watches);

/* Answers the request. `kind` is "Node" or "Project"; `filter` is what watch_query_parse left. */
void watches_open(Watches *watches, h2o_req_t *req, const char *kind, const WatchQuery *query,
                  const char *filter);

/* Ends all of them as they should end, and begins none. */
void watches_end(Watches *watches);

#endif
