/* From a request to the arguments of its function (RouteArg). */
#ifndef CARA_SERVER_ARGUMENTS_H
#define CARA_SERVER_ARGUMENTS_H

#include "request.h"
#include "routes.h"

#define QUERY_MAX_BYTES (64 * 1024) /* of a query string as JSON */

typedef struct ArgumentSource {
    h2o_req_t *req;
    const RequestTarget *target;
    const RouteMatch *match;
    const char *endpoint; /* the p_endpoint argument */
} ArgumentSource;

/* The argument as text, in the request's pool; NULL is SQL's NULL. When what was sent cannot be
 * one, answers the request and returns false. */
bool argument_take(RouteArg arg, const ArgumentSource *from, const char **ret);

#endif
