/* Calls to cara-server. */
#ifndef CTL_API_H
#define CTL_API_H

#include "ctl.h"

#include <jansson.h>

/* Calls the server. Anything but a 2xx is ERR_HTTP with the problem's words. *ret_status may be
 * NULL; ret may be NULL when no body is wanted, else it gets a JSON object owned by the caller. */
int api_call(Ctl *ctl, const char *method, const char *path, const char *body, int *ret_status,
             json_t **ret, Err *err);

/* "/api/v1/nodes" + "/" + name, percent-encoded; owned by the caller. */
char *api_item_path(const char *collection, const char *name);

#endif
