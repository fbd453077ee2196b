#include "answer.h"

#include "problem.h"

#include "cara/buf.h"
#include "cara/log.h"
#include "cara/mem.h"

#include <string.h>
#include <sys/socket.h>

#define PROBLEM_MAX_BYTES (64 * 1024)
#define TAKE_WITHIN_MS    60000 /* libh2o has no limit on how slowly a client reads */

static struct {
    h2o_loop_t *loop;
    h2o_timeout_t slow_reader;
} answering;

/* Lives in the request's pool: gone when the answer has been taken or the client has left. */
typedef struct Deadline {
    h2o_timeout_entry_t entry;
    int fd;
} Deadline;

void answer_init(h2o_loop_t *loop)
{
    answering.loop = loop;
    h2o_timeout_init(loop, &answering.slow_reader, TAKE_WITHIN_MS);
}

static void on_too_slow(h2o_timeout_entry_t *entry)
{
    const Deadline *deadline = H2O_STRUCT_FROM_MEMBER(Deadline, entry, entry);

    shutdown(deadline->fd, SHUT_RDWR); /* the pending write fails, and libh2o cleans up */
}

static void dispose_deadline(void *p)
{
    Deadline *deadline = p;

    h2o_timeout_unlink(&deadline->entry);
}

static void start_deadline(h2o_req_t *req)
{
    Deadline *deadline = h2o_mem_alloc_shared(&req->pool, sizeof(*deadline), dispose_deadline);

    *deadline = (Deadline){ .entry.cb = on_too_slow,
                            .fd = h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)) };
    h2o_timeout_link(answering.loop, &answering.slow_reader, &deadline->entry);
}

static void send_body(h2o_req_t *req, int status, const char *body, size_t len)
{
    static h2o_generator_t generator = { NULL, NULL };
    h2o_iovec_t buf = h2o_iovec_init(body, len);
    bool head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));

    req->res.status = status;
    req->res.reason = problem_reason(status);
    req->res.content_length = status == 204 || status == 304 ? SIZE_MAX : len;
    /* without the query string: a channel's token may be in it */
    size_t path_len = req->query_at != SIZE_MAX ? req->query_at : req->path.len;
    log_debug("answered", "method=%.*s path=%.*s status=%d bytes=%zu", (int)req->method.len,
              req->method.base, (int)path_len, req->path.base, status, len);
    start_deadline(req);
    h2o_start_response(req, &generator);
    h2o_send(req, &buf, head || len == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
}

static void add_header(h2o_req_t *req, const h2o_token_t *name, const char *value, size_t len)
{
    h2o_add_header(&req->pool, &req->res.headers, name, NULL, value, len);
}

void answer_json(h2o_req_t *req, int status, const char *body, size_t len)
{
    add_header(req, H2O_TOKEN_CONTENT_TYPE, H2O_STRLIT("application/json"));
    send_body(req, status, body, len);
}

void answer_empty(h2o_req_t *req, int status)
{
    send_body(req, status, "", 0);
}

void answer_text(h2o_req_t *req, int status, const char *text)
{
    add_header(req, H2O_TOKEN_CONTENT_TYPE, H2O_STRLIT("text/plain; charset=utf-8"));
    if (status >= 400)
        h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-content-type-options"),
                              0, "X-Content-Type-Options", H2O_STRLIT("nosniff"));
    send_body(req, status, text, strlen(text));
}

h2o_iovec_t answer_problem_text(h2o_mem_pool_t *pool, int status, const char *detail,
                                const char *field)
{
    _cleanup_(buf_done) Buf buf = { 0 };

    buf_init(&buf, PROBLEM_MAX_BYTES);
    problem_write(&buf, status, detail, field);
    if (buf.failed) { /* a detail that long helps nobody */
        buf_reset(&buf);
        problem_write(&buf, status, problem_reason(status), NULL);
    }
    return h2o_strdup(pool, buf.data, buf.len);
}

void answer_problem(h2o_req_t *req, int status, const char *detail, const char *field)
{
    h2o_iovec_t body = answer_problem_text(&req->pool, status, detail, field);

    add_header(req, H2O_TOKEN_CONTENT_TYPE, H2O_STRLIT("application/problem+json"));
    send_body(req, status, body.base, body.len);
}

void answer_unavailable(h2o_req_t *req, const char *detail)
{
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("retry-after"), 0,
                          "Retry-After", H2O_STRLIT("1"));
    answer_problem(req, 503, detail, NULL);
}

static const char *join(h2o_req_t *req, const char *a, const char *between, const char *b)
{
    if (b == NULL || *b == '\0')
        return a;
    return h2o_concat(&req->pool, h2o_iovec_init(a, strlen(a)),
                      h2o_iovec_init(between, strlen(between)), h2o_iovec_init(b, strlen(b)))
        .base;
}

static const char *field_or_empty(const PGresult *result, int code)
{
    const char *value = PQresultErrorField(result, code);

    return value != NULL ? value : "";
}

void answer_failure(h2o_req_t *req, const PGresult *result, const char *function, bool has_body)
{
    if (result == NULL) {
        answer_unavailable(req, "the connection to the database was lost: try again");
        return;
    }
    const char *sqlstate = field_or_empty(result, PG_DIAG_SQLSTATE);
    const char *message = field_or_empty(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = field_or_empty(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = field_or_empty(result, PG_DIAG_MESSAGE_HINT);
    const ProblemRule *rule = problem_rule(sqlstate);

    switch (rule->text == PROBLEM_BODY && !has_body ? PROBLEM_INTERNAL : rule->text) {
    case PROBLEM_MESSAGE:
        answer_problem(req, rule->status, join(req, message, "; ", hint), detail);
        return;
    case PROBLEM_BODY:
        answer_problem(req, rule->status,
                       join(req, "invalid request body", ": ", join(req, message, ": ", detail)),
                       NULL);
        return;
    case PROBLEM_UNAVAILABLE:
        log_warn("database busy", "function=%s sqlstate=%s error=%s", function, sqlstate, message);
        answer_unavailable(req, "the database cannot answer now: try again");
        return;
    case PROBLEM_INTERNAL:
        break;
    }
    log_error("database error", "function=%s sqlstate=%s error=%s", function, sqlstate, message);
    answer_problem(req, 500, "Internal server error", NULL);
}

void answer_etag(h2o_req_t *req, const char *etag, size_t len)
{
    char *quoted = h2o_mem_alloc_pool(&req->pool, len + 2);

    quoted[0] = '"';
    memcpy(quoted + 1, etag, len);
    quoted[len + 1] = '"';
    add_header(req, H2O_TOKEN_ETAG, quoted, len + 2);
}

void answer_not_modified(h2o_req_t *req, const char *etag, size_t len)
{
    if (len > 0)
        answer_etag(req, etag, len);
    send_body(req, 304, "", 0);
}

void answer_redirect(h2o_req_t *req, int status, const char *location)
{
    h2o_iovec_t copy = h2o_strdup(&req->pool, location, strlen(location));

    add_header(req, H2O_TOKEN_LOCATION, copy.base, copy.len);
    send_body(req, status, "", 0);
}
