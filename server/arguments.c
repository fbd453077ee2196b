#include "arguments.h"

#include "answer.h"
#include "query.h"

#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/text.h"

#include <string.h>

/* All of them answer the request themselves when they return false. */
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

typedef struct Token {
    h2o_req_t *req;
    const char *value; /* NULL while there is none */
} Token;

static int take_token_parameter(void *arg, const char *name, const char *value, Err *err)
{
    Token *token = arg;

    (void)err;
    if (strcmp(name, "token") != 0)
        return 0;
    token->value = h2o_strdup(&token->req->pool, value, SIZE_MAX).base;
    return 1;
}

static void take_bearer(Token *token)
{
    static const char scheme[] = "Bearer ";
    size_t skip = sizeof(scheme) - 1;
    h2o_iovec_t header = request_header(token->req, H2O_TOKEN_AUTHORIZATION);

    if (header.len > skip && strncasecmp(header.base, scheme, skip) == 0 &&
        text_is_storable(header.base, header.len))
        token->value = h2o_strdup(&token->req->pool, header.base + skip, header.len - skip).base;
}

static bool take_token(h2o_req_t *req, const RequestTarget *target, const char **ret)
{
    _cleanup_(buf_done) Buf rest = { 0 };
    Token token = { .req = req };
    Err err = { 0 };

    buf_init(&rest, QUERY_MAX_BYTES);
    if (query_take(target->query, target->query_len, take_token_parameter, &token, &rest, &err) <
        0) {
        answer_problem(req, 400, err.message, NULL);
        return false;
    }
    take_bearer(&token);
    if (token.value == NULL) {
        answer_problem(req, 401,
                       "a token is required: POST to the node's channel gives the whole URL",
                       "token");
        return false;
    }
    *ret = token.value;
    return true;
}

static bool take_header(h2o_req_t *req, const h2o_token_t *name, const char **ret)
{
    h2o_iovec_t value = request_header(req, name);

    if (value.len > 0 && !text_is_storable(value.base, value.len)) {
        answer_problem(req, 400, "invalid header: expected UTF-8", name->buf.base);
        return false;
    }
    *ret = value.len > 0 ? h2o_strdup(&req->pool, value.base, value.len).base : NULL;
    return true;
}

bool argument_take(RouteArg arg, const ArgumentSource *from, const char **ret)
{
    switch (arg) {
    case ROUTE_ARG_PATH:
        return take_segment(from->req, from->match, ret);
    case ROUTE_ARG_QUERY:
        return take_query(from->req, from->target, ret);
    case ROUTE_ARG_BODY:
        return take_body(from->req, false, ret);
    case ROUTE_ARG_BODY_OPT:
    case ROUTE_ARG_BODY_TEXT:
        return take_body(from->req, true, ret);
    case ROUTE_ARG_ACTOR:
        *ret = "anonymous";
        return true;
    case ROUTE_ARG_ENDPOINT:
        *ret = from->endpoint;
        return true;
    case ROUTE_ARG_TOKEN:
        return take_token(from->req, from->target, ret);
    case ROUTE_ARG_IF_MATCH:
        return take_header(from->req, H2O_TOKEN_IF_MATCH, ret);
    case ROUTE_ARG_IF_NONE_MATCH:
        return take_header(from->req, H2O_TOKEN_IF_NONE_MATCH, ret);
    case ROUTE_ARG_NONE:
        break;
    }
    return false;
}
