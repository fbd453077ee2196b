/* From a request to its answer: route, arguments, one call of one SQL function, its JSON straight
 * out. */
#ifndef CARA_SERVER_DISPATCH_H
#define CARA_SERVER_DISPATCH_H

#include "pool.h"

#include <h2o.h>

typedef struct Dispatch Dispatch;

/* The SQL of each route by its index, for the pool; NULL where a route needs none. */
const char *const *dispatch_statements(void);

/* `endpoint` is the p_endpoint argument. What is given must outlive the server. */
Dispatch *dispatch_register(h2o_pathconf_t *path, Pool *pool, const char *endpoint);

/* Requests that wait for the database or whose answer has not been taken. */
size_t dispatch_active(const Dispatch *dispatch);

#endif
