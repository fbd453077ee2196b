/* What `caractrl drain` shows of a DrainStatus. Pure. */
#ifndef CTL_DRAIN_H
#define CTL_DRAIN_H

#include "cara/buf.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* A line for each project that has left, and for each that cannot leave or cannot for another
 * reason than before. `before` is NULL the first time. */
void drain_print_changes(const json_t *before, const json_t *now, Buf *out);

/* "n1: 3 moved, 2 leaving (a, b), 1 staying, 12s", at most `width` columns, without a newline. */
void drain_print_line(const json_t *status, int64_t seconds, size_t width, Buf *out);

/* What a drain would do, one project a line. */
void drain_print_forecast(const json_t *status, Buf *out);

/* "a, b, c and 4 more" of the projects that are still there. */
void drain_add_names(const json_t *status, Buf *out);

/* "1 project", "2 projects" */
void drain_add_count(size_t count, Buf *out);

#endif
