/* The query string as the p_query argument: ?phase=A&phase=B&x=1 becomes
 * {"phase":["A","B"],"x":["1"]}. */
#ifndef CARA_SERVER_QUERY_H
#define CARA_SERVER_QUERY_H

#include "cara/buf.h"
#include "cara/err.h"

#include <stddef.h>

#define QUERY_MAX_PAIRS 64

/* `query` is what follows the '?', possibly empty. Members come in order of first appearance.
 * Refused (ERR_INVALID): broken escapes, what is not UTF-8, NUL, more than QUERY_MAX_PAIRS pairs.
 */
int query_to_json(const char *query, size_t len, Buf *out, Err *err);

/* 1: taken, to be left out. 0: not. -1: refused, with an error. */
typedef int (*QueryTake)(void *arg, const char *name, const char *value, Err *err);

/* The same with members sorted by name, less those that `take` takes: equal questions read alike.
 */
int query_take(const char *query, size_t len, QueryTake take, void *arg, Buf *out, Err *err);

#endif
