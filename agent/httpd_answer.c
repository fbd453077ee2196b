/* What leaves: plain text and problem documents. */
#include "httpd_call.h"

#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_MAX 1024

static void answer(h2o_req_t *req, int status, const char *type, const char *body, size_t len)
{
    req->res.status = status;
    req->res.reason = problem_reason(status);
    req->res.content_length = len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-content-type-options"), 0,
                          NULL, H2O_STRLIT("nosniff"));
    h2o_send_inline(req, body, len);
}

void httpd_answer_text(h2o_req_t *req, int status, const char *text)
{
    answer(req, status, "text/plain; charset=utf-8", text, strlen(text));
}

void httpd_answer_problem(h2o_req_t *req, int status, const char *detail, ...)
{
    _cleanup_(buf_done) Buf out = { .max = 8 * DETAIL_MAX };
    char text[DETAIL_MAX];
    va_list args;

    va_start(args, detail);
    vsnprintf(text, sizeof(text), detail, args);
    va_end(args);
    problem_write(&out, status, text, NULL);
    answer(req, status, "application/problem+json", buf_str(&out), out.len);
}
