/* From a request to its answer: route, arguments, one call of one SQL function, its JSON straight
 * out. */
#ifndef CARA_SERVER_DISPATCH_H
#define CARA_SERVER_DISPATCH_H

#include "hub.h"
#include "pool.h"

#include <h2o.h>

typedef struct Dispatch Dispatch;

typedef struct DispatchOptions {
    h2o_loop_t *loop;
    Pool *pool;
    Hub *hub;
    const char *endpoint; /* the p_endpoint argument */
    size_t max_streams;   /* watches and wake-up streams at a time */
} DispatchOptions;

/* The SQL for the pool: of each route by its index, then what watches need; NULL where a route
 * needs none. */
const char *const *dispatch_statements(void);
size_t dispatch_statement_count(void);

/* Agents' calls wait in one line, people's in the other. */
PoolLine dispatch_line(size_t statement);

/* What the options hold must outlive the server. */
Dispatch *dispatch_register(h2o_pathconf_t *path, const DispatchOptions *options);

/* Ends the streams and watches as they should end, and begins none. */
void dispatch_drain(Dispatch *dispatch);

/* Requests that wait for the database or whose answer has not been taken, streams included. */
size_t dispatch_active(const Dispatch *dispatch);

#endif
