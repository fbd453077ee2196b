/* What leaves: JSON, problem documents, plain text. Each ends the request. */
#ifndef CARA_SERVER_ANSWER_H
#define CARA_SERVER_ANSWER_H

#include <h2o.h>

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

/* Redirects to a path on this server. */
void answer_redirect(h2o_req_t *req, int status, const char *location);

/* The document itself, in the request's pool. */
h2o_iovec_t answer_problem_text(h2o_mem_pool_t *pool, int status, const char *detail,
                                const char *field);

#endif
