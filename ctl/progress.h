/* How far a project that was applied has come, in words. Pure. */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include "cara/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum Progress {
    PROGRESS_ON,     /* under way, or waiting for a place */
    PROGRESS_DONE,   /* its newest spec runs, healthy where it says what healthy is */
    PROGRESS_FAILED, /* waiting longer will not help */
} Progress;

/* Judges the project as it was applied with this generation, and says how far it is: "placed on
 * n1", "pulling nginx:1 43 % on n1", "waits: 3 nodes: memory, short by 512Mi". Percentages are left
 * out for lines that stay. */
Progress progress_of(const json_t *project, int64_t generation, bool with_percent, Buf *out);

/* "1.2s", "2m5s" */
void progress_add_duration(int64_t ms, Buf *out);

#endif
