/* What was told of each object last, so that a list after a gap, or a watch that begins a little
 * too early, tells only what is new. One JSON object: name -> resourceVersion. Pure. */
#ifndef CTL_KNOWN_H
#define CTL_KNOWN_H

#include "watch_lines.h"

#include <jansson.h>
#include <stdbool.h>

/* Is this change news? Then it is remembered, and *type becomes ADDED for what was not known and
 * MODIFIED for what was. */
bool known_take(json_t *known, WatchType *type, const json_t *object);

void known_forget(json_t *known, const json_t *object);

/* Those that are known and not among the items: an array, owned by the caller, of objects with
 * nothing but metadata.name. */
json_t *known_missing(const json_t *known, const json_t *items);

#endif
