/* The REST surface: one row a route, each a call of one SQL function. Pure. */
#ifndef CARA_SERVER_ROUTES_H
#define CARA_SERVER_ROUTES_H

#include "cara/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define ROUTE_MAX_ARGS 4

typedef enum RouteArg {
    ROUTE_ARG_NONE = 0,
    ROUTE_ARG_PATH,      /* text: the decoded {name} */
    ROUTE_ARG_QUERY,     /* jsonb: {"phase":["A","B"]} */
    ROUTE_ARG_BODY,      /* jsonb: the request's body */
    ROUTE_ARG_BODY_TEXT, /* text: the body unread, NULL when empty: the function decides what it
                            means */
    ROUTE_ARG_BODY_OPT,  /* jsonb: the body, NULL when empty */
    ROUTE_ARG_ACTOR,     /* text: who asks */
    ROUTE_ARG_ENDPOINT,  /* jsonb: where agents reach Postgres */
    ROUTE_ARG_TOKEN,     /* text: ?token= or Authorization: Bearer */
    ROUTE_ARG_IF_MATCH,  /* text: the header as it came, NULL without */
    ROUTE_ARG_IF_NONE_MATCH,
} RouteArg;

typedef enum RouteAnswer {
    ROUTE_JSON,    /* what the function returns is the body; NULL is an empty 204 */
    ROUTE_OBJECT,  /* the same, with the object's resourceVersion as its ETag */
    ROUTE_LIST,    /* the same, with a digest as its ETag; ?watch=true goes on as a watch */
    ROUTE_VERSION, /* the same, with the list's own version as its ETag; NULL is 304 */
    ROUTE_EMPTY,   /* NULL is 204; anything else is the status, its text thrown away */
    ROUTE_OK,      /* text "OK"; 503 when the function returns NULL or fails */
    ROUTE_CHANNEL, /* as ROUTE_JSON, of what all agents may ask for at once: others go first */
    ROUTE_WAKEUPS, /* server-sent events, once the function has said {"serial":N} */
} RouteAnswer;

typedef enum RouteUser { ROUTE_PEOPLE, ROUTE_AGENTS } RouteUser;

typedef struct Route {
    const char *method;
    const char *pattern;  /* {x} stands for one non-empty segment */
    const char *function; /* NULL: answered without the database */
    RouteArg args[ROUTE_MAX_ARGS];
    int status; /* of a success with something to say */
    RouteAnswer answer;
    RouteUser user;    /* neither is kept waiting by however many of the other */
    const char *watch; /* of a list: the kind that can be watched; NULL where none can */
    const char *each; /* of (body, actor): the function that takes several at a time (together.h) */
} Route;

extern const Route routes[];
extern const size_t route_count;

typedef struct RouteMatch {
    const Route *route; /* NULL: no route */
    const char
        *segment; /* what {x} stood for, still percent-encoded; NULL when the pattern has none */
    size_t segment_len;
    bool path_known; /* some route has this path: with route NULL this means 405 */
} RouteMatch;

/* HEAD finds the route of GET. */
RouteMatch route_find(const char *method, size_t method_len, const char *path, size_t path_len);

/* "GET, HEAD, POST": the methods of a known path, sorted. */
void route_allowed(const char *path, size_t path_len, Buf *out);

/* "SELECT api.node_get($1::text)" */
void route_sql(const Route *route, Buf *out);

/* "SELECT api.project_create_each($1::text[], $2::text)", of a route that has such a function. */
void route_each_sql(const Route *route, Buf *out);

/* Adds the path without "//", "." and ".." segments. Returns whether it differs from the one given.
 */
bool route_clean_path(const char *path, size_t len, Buf *out);

#endif
