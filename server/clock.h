/* Calls api.tick() when something is due. Of any number of servers the one that holds the advisory
 * lock ticks; when it goes, its lock goes with its connection and another takes over within a
 * second. */
#ifndef CARA_SERVER_CLOCK_H
#define CARA_SERVER_CLOCK_H

#include "bus.h"

typedef struct Clock Clock;

Clock *clock_new(h2o_loop_t *loop, Connector *connector, const char *role, Bus *bus);
void clock_free(Clock *clock);

/* Milliseconds to the next tick from what api.tick() returned: {"nextInMs": N, ...}. Pure. */
unsigned clock_parse_next(const char *json);

#endif
