/* `caractrl apply --wait`: until what was applied runs, with progress as it goes. */
#ifndef CTL_APPLY_WAIT_H
#define CTL_APPLY_WAIT_H

#include "ctl.h"

#include <jansson.h>

/* Waits for the projects among the results of an apply that began at `start` (monotonic
 * milliseconds), for at most timeout_ms, 0 for ever; `timeout` is how that was given. Each that
 * cannot come up, or has not when the time is over, is told as a failure of its own. The objects in
 * the results become what was seen last. */
int apply_wait(Ctl *ctl, json_t *results, int64_t start, int64_t timeout_ms, const char *timeout,
               Err *err);

#endif
