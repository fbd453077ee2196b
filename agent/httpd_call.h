/* A request to the agent's HTTP API as its handler sees it, and the ways to answer. Handlers run on
 * the loop and never block. All that is handed out here lives as long as the request. */
#ifndef AGENT_HTTPD_CALL_H
#define AGENT_HTTPD_CALL_H

#include <h2o.h>
#include <stdbool.h>

#define HTTPD_SEGMENTS_MAX 4

typedef struct HttpdCall {
    h2o_req_t *req;
    const char *segments[HTTPD_SEGMENTS_MAX]; /* what the {…} of the route stood for, decoded */
    const char *query;                        /* what follows the '?', as sent */
    size_t query_len;
} HttpdCall;

typedef struct HttpdRoute {
    const char *method; /* GET answers HEAD too */
    const char *path;   /* "/api/v1/logs/{project}/{service}" */
    void (*answer)(const HttpdCall *call);
} HttpdRoute;

/* httpd_routes.c */
extern const HttpdRoute httpd_routes[];
extern const size_t httpd_route_count;

/* Finds the route of a request and lets it answer; answers 404 and 405 itself. */
void httpd_dispatch(h2o_req_t *req);

/* Whether a path (as sent, without query) is the pattern's; segments are decoded into the pool. A
 * broken escape is no match. */
bool httpd_match(const char *pattern, const char *path, size_t len, h2o_mem_pool_t *pool,
                 const char *segments[static HTTPD_SEGMENTS_MAX]);

/* The first value of a query parameter, decoded; NULL when there is none or it cannot be decoded.
 */
const char *httpd_query(const HttpdCall *call, const char *name);

/* The words that Go takes for a bool; anything else is false. */
bool httpd_query_bool(const HttpdCall *call, const char *name);

/* Each ends the request. */
void httpd_answer_text(h2o_req_t *req, int status, const char *text);
void httpd_answer_problem(h2o_req_t *req, int status, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));

#endif
