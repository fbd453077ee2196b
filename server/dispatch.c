#include "dispatch.h"

#include "answer.h"
#include "arguments.h"
#include "etag.h"
#include "pages.h"
#include "parking.h"
#include "refusal.h"
#include "request.h"
#include "routes.h"
#include "together.h"
#include "wakeups.h"
#include "watch.h"

#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/text.h"

#include <jansson.h>
#include <string.h>

#define DIGEST_MAX_BYTES (1024 * 1024)
#define SQL_MAX_BYTES    1024
/* Calls for channels under way. After an outage all agents want one at once; what one waits for is
 * asked for again by itself, and meanwhile there is the slow poll: others go first. Of these, those
 * who were issued one and open it. */
#define CHANNEL_CALLS_MAX  64
#define CHANNEL_ISSUES_MAX 32

struct Dispatch {
    h2o_handler_t super;
    DispatchOptions options;
    Watches *watches;
    Together **together; /* of each route; NULL where calls go one by one */
    size_t active;
    size_t channel_calls;
    bool ending;
};

/* One request while it waits and answers. In the request's pool: when the request goes, it cancels.
 */
typedef struct Exchange {
    Dispatch *dispatch;
    h2o_req_t *req;
    const Route *route;
    PoolCall *call;         /* NULL once answered */
    TogetherCall *together; /* or this */
    PGresult *result;       /* holds the body that is being sent */
    Wakeup *wakeup;         /* of a stream until it is open */
} Exchange;

/* Of each route, of watches, of each route for several at a time. */
static size_t each_statement(size_t route)
{
    return route_count + PAGES_STATEMENTS + route;
}

size_t dispatch_statement_count(void)
{
    return each_statement(route_count);
}

PoolLine dispatch_line(size_t statement)
{
    bool is_agents = statement < route_count && routes[statement].user == ROUTE_AGENTS;

    return is_agents ? POOL_LINE_SECOND : POOL_LINE_FIRST;
}

static char *write_sql(const Route *route, void (*write)(const Route *route, Buf *out))
{
    Buf sql;

    buf_init(&sql, SQL_MAX_BYTES);
    write(route, &sql);
    return buf_take(&sql);
}

const char *const *dispatch_statements(void)
{
    static const char **statements;

    if (statements == NULL) {
        statements = mem_alloc(dispatch_statement_count() * sizeof(*statements));
        for (size_t i = 0; i < route_count; i++) {
            if (routes[i].function != NULL)
                statements[i] = write_sql(&routes[i], route_sql);
            if (routes[i].each != NULL)
                statements[each_statement(i)] = write_sql(&routes[i], route_each_sql);
        }
        memcpy(statements + route_count, pages_statements, sizeof(pages_statements));
    }
    return statements;
}

/* ---- the answer ---- */

static bool is_method(const h2o_req_t *req, const char *method)
{
    return h2o_memis(req->method.base, req->method.len, method, strlen(method));
}

static void answer_body(Exchange *exchange, const char *body, size_t len)
{
    h2o_req_t *req = exchange->req;
    char digest[ETAG_DIGEST_LEN + 1];
    const char *etag = digest;
    size_t etag_len = 0;

    switch (exchange->route->answer) {
    case ROUTE_OBJECT:
        etag_of_object(body, len, &etag, &etag_len);
        break;
    case ROUTE_VERSION:
        etag_of_list(body, len, &etag, &etag_len);
        break;
    case ROUTE_LIST:
        if (len > DIGEST_MAX_BYTES) /* would hold others up; who cares asks for pages */
            break;
        etag_digest(body, len, digest);
        etag_len = ETAG_DIGEST_LEN;
        break;
    default:
        break;
    }
    h2o_iovec_t known = request_header(req, H2O_TOKEN_IF_NONE_MATCH);
    if (known.len > 0 && etag_len > 0 && strcmp(exchange->route->method, "GET") == 0 &&
        etag_is_in(known.base, known.len, etag, etag_len)) {
        answer_not_modified(req, etag, etag_len);
        return;
    }
    if (etag_len > 0)
        answer_etag(req, etag, etag_len);
    answer_json(req, exchange->route->status, body, len);
}

/* {"serial":N}: the token was good. */
static void answer_wakeups(Exchange *exchange, const char *answer)
{
    h2o_req_t *req = exchange->req;
    json_t *root = json_loads(answer, 0, NULL);
    int64_t serial = json_integer_value(json_object_get(root, "serial"));

    json_decref(root);
    if (exchange->dispatch->ending) {
        answer_unavailable(req, "the server is ending: try again");
    } else if (is_method(req, "HEAD")) {
        answer_empty(req, 200);
    } else if (wakeups_open(exchange->wakeup, req, serial)) {
        exchange->wakeup = NULL; /* the stream's now */
        hub_look(exchange->dispatch->options.hub);
    } else {
        answer_problem(req, 410, "this channel was revoked; ask for a channel again", NULL);
    }
}

/* The function compared what the client has: one of these it still is. With several nobody knows
 * which, and the header is left out. */
static void answer_unchanged(Exchange *exchange)
{
    h2o_iovec_t known = request_header(exchange->req, H2O_TOKEN_IF_NONE_MATCH);
    const char *etag = known.len > 2 ? memchr(known.base, '"', known.len) : NULL;
    size_t len = etag != NULL ? known.len - (size_t)(etag - known.base) : 0;

    if (len > 2 && memchr(etag + 1, '"', len - 1) == etag + len - 1)
        answer_not_modified(exchange->req, etag + 1, len - 2);
    else
        answer_not_modified(exchange->req, NULL, 0);
}

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
    case ROUTE_WAKEUPS:
        answer_wakeups(exchange, null ? "" : PQgetvalue(result, 0, 0));
        return;
    default:
        break;
    }
    if (!null)
        answer_body(exchange, PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0));
    else if (route->answer == ROUTE_VERSION)
        answer_unchanged(exchange);
    else
        answer_empty(req, 204);
}

static bool has_body(const Route *route)
{
    for (size_t i = 0; i < ROUTE_MAX_ARGS; i++)
        if (route->args[i] == ROUTE_ARG_BODY || route->args[i] == ROUTE_ARG_BODY_OPT ||
            route->args[i] == ROUTE_ARG_BODY_TEXT)
            return true;
    return false;
}

static bool is_for_channel(const Route *route)
{
    return route->answer == ROUTE_CHANNEL || route->answer == ROUTE_WAKEUPS;
}

static void call_is_over(Exchange *exchange)
{
    exchange->call = NULL;
    exchange->together = NULL;
    exchange->dispatch->channel_calls -= is_for_channel(exchange->route);
}

static void on_done(void *arg, PGresult *result)
{
    Exchange *exchange = arg;

    call_is_over(exchange);
    exchange->result = result;
    parking_leave(exchange->req);
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        answer_value(exchange);
    else if (exchange->route->answer == ROUTE_OK)
        answer_unavailable(exchange->req, "not ready");
    else
        answer_failure(exchange->req, result, exchange->route->function, has_body(exchange->route));
}

static void dispose_exchange(void *p)
{
    Exchange *exchange = p;

    if (exchange->call != NULL || exchange->together != NULL) {
        if (exchange->call != NULL)
            pool_cancel(exchange->call);
        else
            together_cancel(exchange->together);
        call_is_over(exchange);
    }
    if (exchange->wakeup != NULL)
        wakeups_forget(exchange->wakeup);
    PQclear(exchange->result);
    exchange->dispatch->active--;
}

/* ---- the request ---- */

/* Answers by itself when there is no room. */
static bool has_room_for_stream(Dispatch *dispatch, h2o_req_t *req)
{
    size_t count =
        wakeups_count(hub_wakeups(dispatch->options.hub)) + watches_count(dispatch->watches);

    if (count < dispatch->options.max_streams)
        return true;
    answer_unavailable(req, "too many streams are open: try again, or raise MAX_STREAMS");
    return false;
}

static bool start_call(Exchange *exchange, const char *const *params, size_t count)
{
    Dispatch *dispatch = exchange->dispatch;
    size_t route = (size_t)(exchange->route - routes);
    Together *together = dispatch->together[route];

    if (together != NULL)
        exchange->together = together_call(together, params[0], params[1], on_done, exchange);
    else
        exchange->call = pool_call(dispatch->options.pool, route, params, count, on_done, exchange);
    return exchange->call != NULL || exchange->together != NULL;
}

static void call_function(Dispatch *dispatch, h2o_req_t *req, const RequestTarget *target,
                          const RouteMatch *match)
{
    const Route *route = match->route;
    Pool *pool = dispatch->options.pool;
    const char *params[ROUTE_MAX_ARGS];
    size_t count = 0;
    ArgumentSource source = {
        .req = req, .target = target, .match = match, .endpoint = dispatch->options.endpoint
    };
    Exchange *exchange = h2o_mem_alloc_shared(&req->pool, sizeof(*exchange), dispose_exchange);

    *exchange = (Exchange){ .dispatch = dispatch, .req = req, .route = route };
    dispatch->active++;
    for (; count < ROUTE_MAX_ARGS && route->args[count] != ROUTE_ARG_NONE; count++)
        if (!argument_take(route->args[count], &source, &params[count]))
            return;
    if (is_for_channel(route) &&
        dispatch->channel_calls >=
            (route->answer == ROUTE_CHANNEL ? CHANNEL_ISSUES_MAX : CHANNEL_CALLS_MAX)) {
        answer_unavailable(req, "too many ask for channels at once: try again");
        return;
    }
    if (route->answer == ROUTE_WAKEUPS) {
        if (!has_room_for_stream(dispatch, req))
            return;
        exchange->wakeup = wakeups_expect(hub_wakeups(dispatch->options.hub), params[0]);
        hub_look(dispatch->options.hub);
    }
    if (start_call(exchange, params, count)) {
        dispatch->channel_calls += is_for_channel(route);
        parking_enter(req);
    } else {
        answer_unavailable(req, pool_open_count(pool) == 0
                                    ? "the database is not reachable: try again"
                                    : "too many requests are waiting: try again");
    }
}

/* Answers the request when it is a watch, or none that can be understood. */
static bool open_watch(Dispatch *dispatch, h2o_req_t *req, const RequestTarget *target,
                       const Route *route)
{
    _cleanup_(buf_done) Buf filter = { 0 };
    WatchQuery query;
    Err err = { 0 };

    if (route->watch == NULL || target->query_len == 0 || !is_method(req, "GET") ||
        memmem(target->query, target->query_len, "watch", 5) == NULL)
        return false;
    buf_init(&filter, QUERY_MAX_BYTES);
    if (watch_query_parse(target->query, target->query_len, &query, &filter, &err) < 0) {
        answer_problem(req, 400, err.message, NULL);
        return true;
    }
    if (!query.watch)
        return false;
    if (dispatch->ending)
        answer_unavailable(req, "the server is ending: try again");
    else if (has_room_for_stream(dispatch, req))
        watches_open(dispatch->watches, req, route->watch, &query, buf_str(&filter));
    return true;
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
    bool get = is_method(req, "GET") || is_method(req, "HEAD");
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
    if (match.route != NULL && open_watch(dispatch, req, &target, match.route))
        return 0;
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

Dispatch *dispatch_register(h2o_pathconf_t *path, const DispatchOptions *options)
{
    Dispatch *dispatch = (Dispatch *)h2o_create_handler(path, sizeof(*dispatch));

    dispatch->super.on_req = on_req;
    dispatch->options = *options;
    dispatch->together = mem_alloc(route_count * sizeof(*dispatch->together));
    for (size_t i = 0; i < route_count; i++)
        if (routes[i].each != NULL)
            dispatch->together[i] =
                together_new(options->loop, options->pool, i, each_statement(i));
    dispatch->watches = watches_new(&(WatchesOptions){
        .loop = options->loop,
        .pool = options->pool,
        .first_statement = route_count,
        .hub = options->hub,
    });
    return dispatch;
}

void dispatch_drain(Dispatch *dispatch)
{
    dispatch->ending = true;
    watches_end(dispatch->watches);
    wakeups_end(hub_wakeups(dispatch->options.hub));
}

size_t dispatch_active(const Dispatch *dispatch)
{
    return dispatch->active + watches_count(dispatch->watches);
}
