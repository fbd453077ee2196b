/* Exponential back-off with jitter, so that a cluster does not come back all at once. */
#ifndef AGENT_BACKOFF_H
#define AGENT_BACKOFF_H

#include <stdint.h>

/* Between half and all of first * 2^failures, at most max. */
int64_t backoff_jittered_ms(int64_t first, int64_t max, int failures);

/* Between 3/4 and 5/4 of it. */
int64_t jittered_ms(int64_t ms);

#endif
