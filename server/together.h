/* Calls of one function that come at the same time go to Postgres as one: a call that commits costs
 * more than what it writes. Who finds nothing under way goes at once, and what comes meanwhile goes
 * together: when that is answered, when there are enough, or when something takes its time, which
 * may be waiting for a lock. Enough is an equal share of the calls there have been at a time
 * lately: many clients make a few large companies, not many small ones. */
#ifndef CARA_SERVER_TOGETHER_H
#define CARA_SERVER_TOGETHER_H

#include "pool.h"

#define TOGETHER_UNDER_WAY   2           /* calls under way, while nothing takes its time */
#define TOGETHER_ENOUGH      16          /* the fewest that do not wait for the last one's answer */
#define TOGETHER_PATIENCE_MS 20          /* how long calls wait for company at most */
#define TOGETHER_MAX         64          /* calls that go as one */
#define TOGETHER_MAX_BYTES   (64 * 1024) /* of a body that goes with others */
#define TOGETHER_WAITING     2048        /* calls that have gathered */

typedef struct Together Together;
typedef struct TogetherCall TogetherCall;

/* `alone`: the statement of ($1 body, $2 actor). `each`: the one of ($1 array of bodies, $2 actor),
 * which gives a row for each body in order; where a row is NULL, or all fail, those are called
 * alone. For as long as the pool. */
Together *together_new(h2o_loop_t *loop, Pool *pool, size_t alone, size_t each);

/* As pool_call(): both texts must stay until `done` or together_cancel(). NULL when no connection
 * is up or too many wait. */
TogetherCall *together_call(Together *together, const char *body, const char *actor, PoolDone done,
                            void *arg);

/* Forgets the caller: `done` will not be called. What is on its way still runs. */
void together_cancel(TogetherCall *call);

#endif
