/* Calls api.tick_due() and api.decide() when something is due. Of any number of servers the one
 * that holds the advisory lock ticks; when it goes, its lock goes with its connection and another
 * takes over within a second. */
#ifndef CARA_SERVER_CLOCK_H
#define CARA_SERVER_CLOCK_H

#include "bus.h"

typedef struct Clock Clock;

Clock *clock_new(h2o_loop_t *loop, Connector *connector, const char *role, Bus *bus);
void clock_free(Clock *clock);

typedef struct ClockAnswer {
    unsigned next_ms; /* to the next tick */
    char failed[512]; /* what did; "" for nothing */
} ClockAnswer;

/* What api.decide() returned: {"nextInMs": N, "failed": "...", ...}. Pure. */
ClockAnswer clock_parse_answer(const char *json);

#endif
