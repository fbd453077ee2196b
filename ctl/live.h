/* The last lines on a terminal, written over as things go on. */
#ifndef CTL_LIVE_H
#define CTL_LIVE_H

#include "ctl.h"

#include <stddef.h>

typedef struct Live {
    size_t rows; /* that are to be written over */
} Live;

/* Columns that a line may have without being wrapped. */
size_t live_columns(void);

/* Adds text cut at `width` columns, never within a character. Marks of style take no width. */
void live_add_cut(const char *text, size_t width, Buf *out);

/* Takes the lines away again; what is added to ctl->out next stands in their place. */
void live_wipe(Live *live, Ctl *ctl);

/* Writes `lines` (each ended by a newline) instead of those that are there. What does not fit the
 * screen is counted. */
void live_draw(Live *live, Ctl *ctl, const char *lines);

#endif
