/* What libh2o does not tell about a request's head. */
#ifndef CARA_SERVER_REQUEST_H
#define CARA_SERVER_REQUEST_H

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct RequestTarget {
    const char *path;
    size_t path_len;
    const char *query; /* what follows the '?' */
    size_t query_len;
} RequestTarget;

/* The value of a header, of length 0 when there is none. */
h2o_iovec_t request_header(const h2o_req_t *req, const h2o_token_t *name);

/* Splits "/a?b" and "http://host/a?b"; false for anything else. */
bool request_split_target(const char *target, size_t len, RequestTarget *ret);

/* Whether the body's length is told twice. libh2o takes one and forgets the other, which is how
 * requests are smuggled past a proxy that takes the other one. */
bool request_framing_is_ambiguous(h2o_req_t *req);

/* The same, of a head as libh2o leaves it: names in lower case. Up to the empty line. */
bool request_head_is_ambiguous(const char *head, size_t len);

#endif
