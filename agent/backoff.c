#include "backoff.h"

#include <stdlib.h>
#include <sys/random.h>

int64_t random_below_ms(int64_t below)
{
    uint32_t bits = 0;

    if (below <= 1 || getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        return 0;
    return (int64_t)bits % below;
}

int64_t backoff_jittered_ms(int64_t first, int64_t max, int failures)
{
    int64_t delay = first;

    for (int i = 0; i < failures && delay < max; i++)
        delay *= 2;
    if (delay > max)
        delay = max;
    return delay / 2 + random_below_ms(delay / 2 + 1);
}

int64_t jittered_ms(int64_t ms)
{
    return ms - ms / 4 + random_below_ms(ms / 2 + 1);
}

int64_t beat_delay_ms(int64_t interval, bool first)
{
    return first ? random_below_ms(interval) : interval - random_below_ms(interval / 10 + 1);
}
