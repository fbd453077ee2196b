/* Events: what happened lately, and what happens. */
#ifndef CTL_EVENTS_H
#define CTL_EVENTS_H

#include "command.h"

#include <jansson.h>

extern const Flag events_flags[];

/* `about` is "project/web", or NULL for --for of the line, or everything. */
int events_show(Ctl *ctl, const CommandLine *line, const char *about, Err *err);

/* Of a list of events those that are news since the list before: an event that happened again is.
 * *seen remembers what this list has: a JSON object, owned by the caller and empty at first. The
 * array is the caller's too. Pure. */
json_t *events_new(const json_t *items, json_t **seen);

#endif
