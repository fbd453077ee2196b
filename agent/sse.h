/* Server-sent events, read as they come: how many wake-ups, and how long the server wants a lost
 * stream to wait. Pure. */
#ifndef AGENT_SSE_H
#define AGENT_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SSE_LINE_MAX 256 /* what is longer is nothing that is for us: its end is thrown away */

/* Starts zeroed. */
typedef struct Sse {
    char line[SSE_LINE_MAX];
    size_t len;
    bool after_cr;    /* a line feed that comes next belongs to the line before it */
    bool wake;        /* the event under way is named "wake" ... */
    bool has_data;    /* ... and has data, without which it is none */
    int64_t retry_ms; /* as last told; 0: never */
} Sse;

/* Takes the next piece of the stream, cut anywhere; returns how many wake-ups ended in it. */
size_t sse_read(Sse *sse, const char *data, size_t len);

#endif
