/* Which container is a service's, by its labels: what is not ours cannot be reached, whatever its
 * name. On the loop; asks the engine each time. */
#ifndef AGENT_LOOKUP_H
#define AGENT_LOOKUP_H

#include "engine_stream.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct LookupContainer {
    char id[65];
    char address[46]; /* in the project's network; "" when it has none, as when it does not run */
    char state[16];   /* the engine's word: "running", "paused", "exited", "created" */
} LookupContainer;

/* Once. `error` NULL and `found` NULL: there is none. */
typedef void (*LookupDone)(void *arg, const char *error, const LookupContainer *found);

typedef struct Lookup Lookup;

/* Both names must outlive it. */
Lookup *lookup_start(const char *project, const char *service, LookupDone done, void *arg);
void lookup_cancel(Lookup *lookup); /* NULL is fine */

/* Picks from the engine's list (GET /containers/json) the one that a request is for: one that runs
 * before one that does not, the service's own before its replacement that is just coming up. False
 * when none has both labels. */
bool lookup_pick(const char *json, size_t len, const char *project, const char *service,
                 LookupContainer *ret);

/* Refuses a request that needs a container that runs, in the words of contract 3.1: `status` when
 * there is one that does not run. To be called when `error` is not NULL, or `found` is not running.
 */
void lookup_refuse(h2o_req_t *req, const char *project, const char *service, int status,
                   const char *error, const LookupContainer *found);

#endif
