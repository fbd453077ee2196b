/* Calls to cara-server. */
#ifndef CTL_API_H
#define CTL_API_H

#include "ctl.h"

#include <jansson.h>

/* Calls the server. Anything but a 2xx is ERR_HTTP with the problem's words. *ret_status may be
 * NULL; ret may be NULL when no body is wanted, else it gets a JSON object owned by the caller. */
int api_call(Ctl *ctl, const char *method, const char *path, const char *body, int *ret_status,
             json_t **ret, Err *err);

/* A connection to the server of its own; timeout_ms is that of one call, 0 for none. */
int api_connect(const Ctl *ctl, int timeout_ms, Http **ret, Err *err);

/* Adds what to do to the error of a call that did not reach a server. Returns -1. */
int api_unreachable(Err *err);

/* An error from an answer that is not a 2xx. Returns -1. */
int api_refused(const Ctl *ctl, const HttpReply *reply, Err *err);

/* Is it a failure that mends itself: no server there now, or one that is busy or ill? */
bool api_may_pass(const Err *err);

/* "/api/v1/nodes" + "/" + name, percent-encoded; owned by the caller. */
char *api_item_path(const char *collection, const char *name);

#endif
