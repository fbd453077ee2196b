/* `caractrl delete --wait`: until nothing is left of what was deleted. */
#ifndef CTL_DELETE_WAIT_H
#define CTL_DELETE_WAIT_H

#include "resource.h"

/* Waits for the names of the array to be gone, and says so of each. Those that are still there when
 * the time is over are told as failures of their own. timeout_ms is 0 for ever;
 * `timeout` is how it was given. */
int delete_wait(Ctl *ctl, const Resource *resource, const json_t *names, int64_t timeout_ms,
                const char *timeout, Err *err);

#endif
