/* Exponential back-off with jitter, so that a cluster does not come back all at once. */
#ifndef AGENT_BACKOFF_H
#define AGENT_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* Between half and all of first * 2^failures, at most max. */
int64_t backoff_jittered_ms(int64_t first, int64_t max, int failures);

/* Anything from 0 to below it; 0 when that is not above 0. */
int64_t random_below_ms(int64_t below);

/* To the next heartbeat, the lease to be renewed each `interval`. The first one after a full tale
 * is anywhere within the interval: what began together, as after an outage, does not go on
 * together.
 */
int64_t beat_delay_ms(int64_t interval, bool first);

/* Between 3/4 and 5/4 of it. */
int64_t jittered_ms(int64_t ms);

#endif
