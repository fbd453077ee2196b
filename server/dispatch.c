#include "dispatch.h"

#include "answer.h"
#include "parking.h"
#include "problem.h"
#include "query.h"
#include "refusal.h"
#include "request.h"
#include "routes.h"

#include "cara/buf.h"
#include "cara/log.h"
#include "cara/mem.h"
#include "cara/text.h"

#include <string.h>

#define SQL_MAX_BYTES   1024
#define QUERY_MAX_BYTES (64 * 1024)

struct Dispatch {
    h2o_handler_t super;
    Pool *pool;
    const char *endpoint;
    size_t active;
};

/* One request while it waits and answers. In the request's pool: when the request goes, it cancels.
 */
typedef struct Exchange {
    Dispatch *dispatch;
    h2o_req_t *req;
    const Route *route;
    PoolCall *call;   /* NULL once answered */
    PGresult *result; /* holds the body that is being sent */
} Exchange;

const char *const *dispatch_statements(void)
{
    static char **statements;

    if (statements == NULL) {
        statements = mem_alloc(route_count * sizeof(*statements));
        for (size_t i = 0; i < route_count; i++) {
            Buf sql;
            buf_init(&sql, SQL_MAX_BYTES);
            if (routes[i].function != NULL) {
                route_sql(&routes[i], &sql);
                statements[i] = buf_take(&sql);
            }
        }
    }
    return (const char *const *)statements;
}

/* ---- the answer ---- */

static void answer_value(Exchange *exchange)
{
    const PGresult *result = exchange->result;
    const Route *route = exchange->route;
    h2o_req_t *req = exchange->req;
    bool null = PQntuples(result) == 0 || PQgetisnull(result, 0, 0);

    switch (route->answer) {
    case ROUTE_OK:
        if (null || PQgetvalue(result, 0, 0)[0] == 'f')
            answer_unavailable(req, "not ready");
        else
            answer_text(req, route->status, "OK");
        return;
    case ROUTE_EMPTY:
        answer_empty(req, null ? 204 : route->status);
        return;
    case ROUTE_JSON:
        break;
    }
    if (null)
        answer_empty(req, 204);
    else
        answer_json(req, route->status, PQgetvalue(result, 0, 0),
                    (size_t)PQgetlength(result, 0, 0));
}

static const char *join(h2o_req_t *req, const char *a, const char *between, const char *b)
{
    if (b == NULL || *b == '\0')
        return a;
    return h2o_concat(&req->pool, h2o_iovec_init(a, strlen(a)),
                      h2o_iovec_init(between, strlen(between)), h2o_iovec_init(b, strlen(b)))
        .base;
}

static bool has_body(const Route *route)
{
    for (size_t i = 0; i < ROUTE_MAX_ARGS; i++)
        if (route->args[i] == ROUTE_ARG_BODY || route->args[i] == ROUTE_ARG_BODY_OPT ||
            route->args[i] == ROUTE_ARG_BODY_TEXT)
            return true;
    return false;
}

static const char *field_or_empty(const PGresult *result, int code)
{
    const char *value = PQresultErrorField(result, code);

    return value != NULL ? value : "";
}

static void answer_error(Exchange *exchange)
{
    const PGresult *result = exchange->result;
    h2o_req_t *req = exchange->req;
    const char *sqlstate = field_or_empty(result, PG_DIAG_SQLSTATE);
    const char *message = field_or_empty(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = field_or_empty(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = field_or_empty(result, PG_DIAG_MESSAGE_HINT);
    const ProblemRule *rule = problem_rule(sqlstate);
    ProblemText text = rule->text;

    if (text == PROBLEM_BODY && !has_body(exchange->route))
        text = PROBLEM_INTERNAL;
    if (exchange->route->answer == ROUTE_OK) {
        answer_unavailable(req, "not ready");
        return;
    }
    switch (text) {
    case PROBLEM_MESSAGE:
        answer_problem(req, rule->status, join(req, message, "; ", hint), detail);
        return;
    case PROBLEM_BODY:
        answer_problem(req, rule->status,
                       join(req, "invalid request body", ": ", join(req, message, ": ", detail)),
                       NULL);
        return;
    case PROBLEM_UNAVAILABLE:
        log_warn("database busy", "function=%s sqlstate=%s error=%s", exchange->route->function,
                 sqlstate, message);
        answer_unavailable(req, "the database cannot answer now: try again");
        return;
    case PROBLEM_INTERNAL:
        break;
    }
    log_error("database error", "function=%s sqlstate=%s error=%s", exchange->route->function,
              sqlstate, message);
    answer_problem(req, 500, "Internal server error", NULL);
}

static void on_done(void *arg, PGresult *result)
{
    Exchange *exchange = arg;

    exchange->call = NULL;
    exchange->result = result;
    parking_leave(exchange->req);
    if (result == NULL)
        answer_unavailable(exchange->req, "the connection to the database was lost: try again");
    else if (PQresultStatus(result) == PGRES_TUPLES_OK)
        answer_value(exchange);
    else
        answer_error(exchange);
}

static void dispose_exchange(void *p)
{
    Exchange *exchange = p;

    if (exchange->call != NULL)
        pool_cancel(exchange->call);
    PQclear(exchange->result);
    exchange->dispatch->active--;
}

/* ---- the arguments ---- */

/* All three answer the request themselves when they return false. */
static bool take_segment(h2o_req_t *req, const RouteMatch *match, const char **ret)
{
    char *decoded = h2o_mem_alloc_pool(&req->pool, match->segment_len + 1);

    if (text_percent_decode(match->segment, match->segment_len, false, decoded) < 0) {
        answer_problem(req, 400, "invalid path: expected percent-encoded UTF-8 without NUL", NULL);
        return false;
    }
    *ret = decoded;
    return true;
}

static bool take_query(h2o_req_t *req, const RequestTarget *target, const char **ret)
{
    _cleanup_(buf_done) Buf json = { 0 };
    Err err = { 0 };

    if (target->query_len == 0) {
        *ret = "{}";
        return true;
    }
    buf_init(&json, QUERY_MAX_BYTES);
    if (query_to_json(target->query, target->query_len, &json, &err) < 0) {
        answer_problem(req, 400, err.message, NULL);
        return false;
    }
    *ret = h2o_strdup(&req->pool, json.data, json.len).base;
    return true;
}

static bool take_body(h2o_req_t *req, bool optional, const char **ret)
{
    const char *body = req->entity.base != NULL ? req->entity.base : "";
    size_t len = req->entity.len;

    if (memchr(body, '\0', len) != NULL) {
        answer_problem(req, 400, "invalid request body: holds a NUL byte", NULL);
        return false;
    }
    *ret = optional && len == 0 ? NULL : h2o_strdup(&req->pool, body, len).base;
    return true;
}

static bool take_argument(Exchange *exchange, RouteArg arg, const RequestTarget *target,
                          const RouteMatch *match, const char **ret)
{
    switch (arg) {
    case ROUTE_ARG_PATH:
        return take_segment(exchange->req, match, ret);
    case ROUTE_ARG_QUERY:
        return take_query(exchange->req, target, ret);
    case ROUTE_ARG_BODY:
        return take_body(exchange->req, false, ret);
    case ROUTE_ARG_BODY_OPT:
    case ROUTE_ARG_BODY_TEXT:
        return take_body(exchange->req, true, ret);
    case ROUTE_ARG_ACTOR:
        *ret = "anonymous";
        return true;
    case ROUTE_ARG_ENDPOINT:
        *ret = exchange->dispatch->endpoint;
        return true;
    case ROUTE_ARG_NONE:
        break;
    }
    return false;
}

/* ---- the request ---- */

static void call_function(Dispatch *dispatch, h2o_req_t *req, const RequestTarget *target,
                          const RouteMatch *match)
{
    const Route *route = match->route;
    const char *params[ROUTE_MAX_ARGS];
    size_t count = 0;
    Exchange *exchange = h2o_mem_alloc_shared(&req->pool, sizeof(*exchange), dispose_exchange);

    *exchange = (Exchange){ .dispatch = dispatch, .req = req, .route = route };
    dispatch->active++;
    for (; count < ROUTE_MAX_ARGS && route->args[count] != ROUTE_ARG_NONE; count++)
        if (!take_argument(exchange, route->args[count], target, match, &params[count]))
            return;
    exchange->call =
        pool_call(dispatch->pool, (size_t)(route - routes), params, count, on_done, exchange);
    if (exchange->call != NULL)
        parking_enter(req);
    else
        answer_unavailable(req, pool_open_count(dispatch->pool) == 0
                                    ? "the database is not reachable: try again"
                                    : "too many requests are waiting: try again");
}

static void refuse_method(h2o_req_t *req, const RequestTarget *target)
{
    _cleanup_(buf_done) Buf allow = { 0 };

    buf_init(&allow, 256);
    route_allowed(target->path, target->path_len, &allow);
    h2o_iovec_t value = h2o_strdup(&req->pool, buf_str(&allow), allow.len);
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("allow"), 0, "Allow",
                          value.base, value.len);
    answer_text(req, 405, "Method Not Allowed\n");
}

/* As Go's mux does: 301 for what may be repeated as GET, 307 for what must keep its method. */
static bool redirect_if_unclean(h2o_req_t *req, const RequestTarget *target)
{
    _cleanup_(buf_done) Buf clean = { 0 };

    buf_init(&clean, target->path_len + target->query_len + 8);
    if (!route_clean_path(target->path, target->path_len, &clean))
        return false;
    if (target->query_len > 0) {
        buf_add_str(&clean, "?");
        buf_add(&clean, target->query, target->query_len);
    }
    bool get = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) ||
               h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    answer_redirect(req, get ? 301 : 307, buf_str(&clean));
    return true;
}

static int on_req(h2o_handler_t *handler, h2o_req_t *req)
{
    Dispatch *dispatch = (Dispatch *)handler;
    RequestTarget target;

    if (request_framing_is_ambiguous(req)) {
        refusal_linger(req);
        answer_problem(req, 400,
                       "invalid request: more than one of Content-Length and Transfer-Encoding",
                       NULL);
        return 0;
    }
    if (!request_split_target(req->path.base, req->path.len, &target)) {
        answer_problem(req, 400, "invalid request target: expected a path", NULL);
        return 0;
    }
    if (redirect_if_unclean(req, &target))
        return 0;
    RouteMatch match = route_find(req->method.base, req->method.len, target.path, target.path_len);
    if (match.route != NULL && match.route->function != NULL)
        call_function(dispatch, req, &target, &match);
    else if (match.route != NULL)
        answer_text(req, match.route->status, "OK");
    else if (match.path_known)
        refuse_method(req, &target);
    else
        answer_text(req, 404, "404 page not found\n");
    return 0;
}

Dispatch *dispatch_register(h2o_pathconf_t *path, Pool *pool, const char *endpoint)
{
    Dispatch *dispatch = (Dispatch *)h2o_create_handler(path, sizeof(*dispatch));

    dispatch->super.on_req = on_req;
    dispatch->pool = pool;
    dispatch->endpoint = endpoint;
    return dispatch;
}

size_t dispatch_active(const Dispatch *dispatch)
{
    return dispatch->active;
}
