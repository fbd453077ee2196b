/* The table of routes of the agent's HTTP API, and the way to a row of it. */
#include "httpd_call.h"

#include "cara/mem.h"
#include "cara/text.h"
#include "exec.h"
#include "forward.h"
#include "logs.h"

#include <string.h>

static void get_healthz(const HttpdCall *call)
{
    httpd_answer_text(call->req, 200, "OK");
}

const HttpdRoute httpd_routes[] = {
    { "GET", "/healthz", get_healthz },
    { "GET", "/api/v1/logs/{project}/{service}", logs_answer },
    { "GET", "/api/v1/forward/{project}/{service}/{port}", forward_answer },
    { "GET", "/api/v1/exec/{project}/{service}", exec_answer },
};
const size_t httpd_route_count = ARRAY_LEN(httpd_routes);

static const char *decode(h2o_mem_pool_t *pool, const char *text, size_t len, bool plus)
{
    char *out = h2o_mem_alloc_pool(pool, len + 1);

    return text_percent_decode(text, len, plus, out) < 0 ? NULL : out;
}

bool httpd_match(const char *pattern, const char *path, size_t len, h2o_mem_pool_t *pool,
                 const char *segments[static HTTPD_SEGMENTS_MAX])
{
    const char *end = path + len;
    size_t count = 0;

    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (path == end || *path++ != *pattern++)
                return false;
            continue;
        }
        const char *slash = memchr(path, '/', (size_t)(end - path));
        const char *stop = slash != NULL ? slash : end;
        if (stop == path || count == HTTPD_SEGMENTS_MAX ||
            (segments[count++] = decode(pool, path, (size_t)(stop - path), false)) == NULL)
            return false;
        path = stop;
        pattern = strchr(pattern, '}') + 1;
    }
    return path == end;
}

const char *httpd_query(const HttpdCall *call, const char *name)
{
    const char *end = call->query + call->query_len;
    size_t len = strlen(name);

    for (const char *p = call->query; p < end;) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        const char *stop = amp != NULL ? amp : end;
        const char *equals = memchr(p, '=', (size_t)(stop - p));
        size_t name_len = (size_t)((equals != NULL ? equals : stop) - p);
        if (name_len == len && memcmp(p, name, len) == 0)
            return equals != NULL
                       ? decode(&call->req->pool, equals + 1, (size_t)(stop - equals - 1), true)
                       : "";
        p = stop + 1;
    }
    return NULL;
}

bool httpd_query_bool(const HttpdCall *call, const char *name)
{
    static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
    const char *value = httpd_query(call, name);

    for (size_t i = 0; value != NULL && i < ARRAY_LEN(yes); i++)
        if (strcmp(value, yes[i]) == 0)
            return true;
    return false;
}

static bool is_method(const h2o_req_t *req, const char *method)
{
    return h2o_memis(req->method.base, req->method.len, method, strlen(method));
}

void httpd_dispatch(h2o_req_t *req)
{
    HttpdCall call = { .req = req, .query = "" };
    const char *mark = memchr(req->path.base, '?', req->path.len);
    size_t len = mark != NULL ? (size_t)(mark - req->path.base) : req->path.len;

    if (mark != NULL) {
        call.query = mark + 1;
        call.query_len = req->path.len - len - 1;
    }
    for (size_t i = 0; i < httpd_route_count; i++) {
        const HttpdRoute *route = &httpd_routes[i];
        if (!httpd_match(route->path, req->path.base, len, &req->pool, call.segments))
            continue;
        if (is_method(req, route->method) ||
            (is_method(req, "HEAD") && strcmp(route->method, "GET") == 0)) {
            route->answer(&call);
            return;
        }
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ALLOW, NULL,
                       H2O_STRLIT("GET, HEAD"));
        httpd_answer_text(req, 405, "Method Not Allowed\n");
        return;
    }
    httpd_answer_text(req, 404, "404 page not found\n");
}
