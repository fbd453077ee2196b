/* GET /api/v1/logs/{project}/{service}: what a container has written and, with follow, writes. */
#ifndef AGENT_LOGS_H
#define AGENT_LOGS_H

#include "httpd_call.h"

#include "cara/buf.h"
#include "cara/err.h"

#include <stdint.h>

#define LOGS_AT_ONCE 2000 /* answers under way; more are refused with 503 */

void logs_answer(const HttpdCall *call);

/* The words of a query, checked, as the engine's parameters: "stdout=1&stderr=1&tail=all…".
 * `tail` and `since` may be NULL. ERR_INVALID names the parameter. Pure but for `now_ms`. */
int logs_parameters(bool follow, bool timestamps, const char *tail, const char *since,
                    int64_t now_ms, Buf *out, Err *err);

#endif
