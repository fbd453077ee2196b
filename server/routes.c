#include "routes.h"

#include "cara/mem.h"

#include <string.h>

#define PEOPLE        ROUTE_PEOPLE
#define AGENTS        ROUTE_AGENTS
#define PATH          ROUTE_ARG_PATH
#define QUERY         ROUTE_ARG_QUERY
#define BODY          ROUTE_ARG_BODY
#define TEXT          ROUTE_ARG_BODY_TEXT
#define BODY_OPT      ROUTE_ARG_BODY_OPT
#define ACTOR         ROUTE_ARG_ACTOR
#define ENDPOINT      ROUTE_ARG_ENDPOINT
#define TOKEN         ROUTE_ARG_TOKEN
#define IF_MATCH      ROUTE_ARG_IF_MATCH
#define IF_NONE_MATCH ROUTE_ARG_IF_NONE_MATCH

/* clang-format off */
const Route routes[] = {
    /* method  path                                 function                  arguments                          stat answer         user    watch      each */
    { "GET",    "/api/healthz",                      NULL,                     { 0 },                             200, ROUTE_OK,      PEOPLE, NULL,      NULL },
    { "GET",    "/api/readyz",                       "api.ready",              { 0 },                             200, ROUTE_OK,      PEOPLE, NULL,      NULL },
    { "GET",    "/api/v1/nodes",                     "api.node_list",          { QUERY },                         200, ROUTE_LIST,    PEOPLE, "Node",    NULL },
    { "POST",   "/api/v1/nodes",                     "api.node_create",        { BODY, ACTOR },                   201, ROUTE_OBJECT,  PEOPLE, NULL,      NULL },
    { "GET",    "/api/v1/nodes/{name}",              "api.node_get",           { PATH },                          200, ROUTE_OBJECT,  PEOPLE, NULL,      NULL },
    { "PUT",    "/api/v1/nodes/{name}",              "api.node_update",        { PATH, BODY, ACTOR, IF_MATCH },   200, ROUTE_OBJECT,  PEOPLE, NULL,      NULL },
    { "DELETE", "/api/v1/nodes/{name}",              "api.node_delete",        { PATH, ACTOR, IF_MATCH, QUERY },  200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "POST",   "/api/v1/nodes/{name}/heartbeat",    "api.node_heartbeat",     { PATH, TEXT },                    200, ROUTE_JSON,    AGENTS, NULL,      NULL },
    { "POST",   "/api/v1/nodes/{name}/channel",      "api.channel_issue",      { PATH, BODY_OPT, ENDPOINT },      200, ROUTE_CHANNEL, AGENTS, NULL,      NULL },
    { "GET",    "/api/v1/nodes/{name}/wakeups",      "api.channel_open",       { PATH, TOKEN },                   200, ROUTE_WAKEUPS, AGENTS, NULL,      NULL },
    { "GET",    "/api/v1/nodes/{name}/assignments",  "api.node_assignments",   { PATH, IF_NONE_MATCH },           200, ROUTE_VERSION, AGENTS, NULL,      NULL },
    { "POST",   "/api/v1/nodes/{name}/report",       "api.node_report",        { PATH, BODY },                    200, ROUTE_JSON,    AGENTS, NULL,      NULL },
    { "GET",    "/api/v1/nodes/{name}/room",         "api.node_room",          { PATH },                          200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "POST",   "/api/v1/nodes/{name}/cordon",       "api.node_cordon",        { PATH, ACTOR },                   200, ROUTE_OBJECT,  PEOPLE, NULL,      NULL },
    { "POST",   "/api/v1/nodes/{name}/uncordon",     "api.node_uncordon",      { PATH, ACTOR },                   200, ROUTE_OBJECT,  PEOPLE, NULL,      NULL },
    { "GET",    "/api/v1/nodes/{name}/drain",        "api.node_drain_status",  { PATH },                          200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "POST",   "/api/v1/nodes/{name}/drain",        "api.node_drain",         { PATH, QUERY, ACTOR },            200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "GET",    "/api/v1/projects",                  "api.project_list",       { QUERY },                         200, ROUTE_LIST,    PEOPLE, "Project", NULL },
    { "POST",   "/api/v1/projects",                  "api.project_create",     { BODY, ACTOR },                   201, ROUTE_OBJECT,  PEOPLE, NULL,      "api.project_create_each" },
    { "GET",    "/api/v1/projects/{name}",           "api.project_get",        { PATH },                          200, ROUTE_OBJECT,  PEOPLE, NULL,      NULL },
    { "PUT",    "/api/v1/projects/{name}",           "api.project_update",     { PATH, BODY, ACTOR, IF_MATCH },   200, ROUTE_OBJECT,  PEOPLE, NULL,      NULL },
    { "DELETE", "/api/v1/projects/{name}",           "api.project_delete",     { PATH, QUERY, ACTOR, IF_MATCH },  202, ROUTE_EMPTY,   PEOPLE, NULL,      NULL },
    { "PATCH",  "/api/v1/projects/{name}/status",    "api.project_report",     { PATH, BODY, ACTOR },             200, ROUTE_JSON,    AGENTS, NULL,      NULL },
    { "GET",    "/api/v1/projects/{name}/logs",           "api.project_logs",       { PATH, QUERY },                   200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "GET",    "/api/v1/projects/{name}/why",       "api.why",                { PATH, QUERY },                   200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "POST",   "/api/v1/projects/{name}/unpin",     "api.project_unpin",      { PATH, ACTOR },                   200, ROUTE_OBJECT,  PEOPLE, NULL,      NULL },
    { "POST",   "/api/v1/apply",                     "api.apply",              { BODY, ACTOR },                   200, ROUTE_JSON,    PEOPLE, NULL,      "api.apply_each" },
    { "POST",   "/api/v1/plan",                      "api.plan",               { BODY, ACTOR },                   200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "POST",   "/api/v1/rebalance",                 "api.rebalance",          { QUERY, ACTOR },                  200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "GET",    "/api/v1/events",                    "api.event_list",         { QUERY },                         200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "GET",    "/api/v1/ingress",                        "api.ingress_lookup",     { QUERY },                         200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "GET",    "/api/v1/settings",                  "api.setting_list",       { 0 },                             200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "GET",    "/api/v1/settings/{name}",           "api.setting_get",        { PATH },                          200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
    { "PUT",    "/api/v1/settings/{name}",           "api.setting_set",        { PATH, BODY, ACTOR },             200, ROUTE_JSON,    PEOPLE, NULL,      NULL },
};
/* clang-format on */
const size_t route_count = ARRAY_LEN(routes);

static const char *const arg_types[] = {
    [ROUTE_ARG_PATH] = "text",      [ROUTE_ARG_QUERY] = "jsonb",
    [ROUTE_ARG_BODY] = "jsonb",     [ROUTE_ARG_BODY_TEXT] = "text",
    [ROUTE_ARG_BODY_OPT] = "jsonb", [ROUTE_ARG_ACTOR] = "text",
    [ROUTE_ARG_ENDPOINT] = "jsonb", [ROUTE_ARG_TOKEN] = "text",
    [ROUTE_ARG_IF_MATCH] = "text",  [ROUTE_ARG_IF_NONE_MATCH] = "text",
};

/* Compares byte by byte; {x} takes everything up to the next '/'. */
static bool matches(const char *pattern, const char *path, size_t len, RouteMatch *match)
{
    size_t i = 0;

    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (i == len || path[i] != *pattern)
                return false;
            i++;
            pattern++;
            continue;
        }
        const char *slash = memchr(path + i, '/', len - i);
        size_t end = slash != NULL ? (size_t)(slash - path) : len;
        if (end == i)
            return false;
        match->segment = path + i;
        match->segment_len = end - i;
        i = end;
        pattern = strchr(pattern, '}') + 1;
    }
    return i == len;
}

static bool is_method(const char *name, const char *method, size_t len)
{
    return strlen(name) == len && memcmp(name, method, len) == 0;
}

RouteMatch route_find(const char *method, size_t method_len, const char *path, size_t path_len)
{
    RouteMatch match = { 0 };
    bool head = is_method("HEAD", method, method_len);

    for (size_t i = 0; i < route_count; i++) {
        match.segment = NULL;
        match.segment_len = 0;
        if (!matches(routes[i].pattern, path, path_len, &match))
            continue;
        match.path_known = true;
        if (is_method(routes[i].method, method, method_len) ||
            (head && strcmp(routes[i].method, "GET") == 0)) {
            match.route = &routes[i];
            return match;
        }
    }
    return match;
}

void route_allowed(const char *path, size_t path_len, Buf *out)
{
    static const char *const sorted[] = { "DELETE", "GET", "HEAD", "PATCH", "POST", "PUT" };
    const char *comma = "";

    for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
        if (route_find(sorted[i], strlen(sorted[i]), path, path_len).route == NULL)
            continue;
        buf_printf(out, "%s%s", comma, sorted[i]);
        comma = ", ";
    }
}

void route_sql(const Route *route, Buf *out)
{
    buf_printf(out, "SELECT %s(", route->function);
    for (int i = 0; i < ROUTE_MAX_ARGS && route->args[i] != ROUTE_ARG_NONE; i++)
        buf_printf(out, "%s$%d::%s", i > 0 ? ", " : "", i + 1, arg_types[route->args[i]]);
    buf_add_str(out, ")");
}

void route_each_sql(const Route *route, Buf *out)
{
    buf_printf(out, "SELECT %s($1::text[], $2::text)", route->each);
}

bool route_clean_path(const char *path, size_t len, Buf *out)
{
    size_t i = 0;
    bool slash_at_end = false;

    while (i < len) {
        while (i < len && path[i] == '/')
            i++;
        size_t start = i;
        while (i < len && path[i] != '/')
            i++;
        size_t n = i - start;
        slash_at_end = n == 0;
        if (n == 0)
            break;
        if (n == 1 && path[start] == '.') {
            slash_at_end = i == len;
        } else if (n == 2 && path[start] == '.' && path[start + 1] == '.') {
            while (out->len > 0 && out->data[--out->len] != '/')
                ;
            slash_at_end = i == len;
        } else {
            buf_add(out, "/", 1);
            buf_add(out, path + start, n);
        }
    }
    if (slash_at_end || out->len == 0)
        buf_add(out, "/", 1);
    else
        buf_add(out, "", 0);
    return out->len != len || memcmp(out->data, path, len) != 0;
}
