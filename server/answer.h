/* What leaves: JSON, problem documents, plain text. Each ends the request. */
#ifndef CARA_SERVER_ANSWER_H
#define CARA_SERVER_ANSWER_H

#include <h2o.h>
#include <libpq-fe.h>
#include <stdbool.h>

/* Once, before the first request. */
void answer_init(h2o_loop_t *loop);

/* `body` must live as long as the request. */
void answer_json(h2o_req_t *req, int status, const char *body, size_t len);
void answer_empty(h2o_req_t *req, int status);
void answer_text(h2o_req_t *req, int status, const char *text);

/* `field` names the offending member and may be NULL. */
void answer_problem(h2o_req_t *req, int status, const char *detail, const char *field);

/* 503 with Retry-After: what was asked for was fine, now is not the time. */
void answer_unavailable(h2o_req_t *req, const char *detail);

/* What a call of that function came to, other than an answer; NULL when its connection was lost.
 * `has_body`: what cannot be read as JSON is the request's body. */
void answer_failure(h2o_req_t *req, const PGresult *result, const char *function, bool has_body);

/* 304: what the client has is still what it would get. `etag` as for answer_etag; len 0 leaves it
 * out. */
void answer_not_modified(h2o_req_t *req, const char *etag, size_t len);

/* Adds the header; `etag` without its quotes. */
void answer_etag(h2o_req_t *req, const char *etag, size_t len);

/* Redirects to a path on this server. */
void answer_redirect(h2o_req_t *req, int status, const char *location);

/* The document itself, in the request's pool. */
h2o_iovec_t answer_problem_text(h2o_mem_pool_t *pool, int status, const char *detail,
                                const char *field);

#endif
