/* The engine's log format for containers without a TTY: each piece of output behind eight bytes,
 * stream 0 0 0 length(4, big-endian). Pure. */
#ifndef AGENT_LOG_FRAMES_H
#define AGENT_LOG_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LogFrames { /* zeroed before the first piece */
    unsigned char head[8];
    size_t head_len;
    uint32_t left; /* of the frame */
    bool ended;    /* the engine said that it failed: what follows is its error, not output */
} LogFrames;

/* Writes the output that the piece holds to `out` (room for len bytes, may be `data` itself) and
 * returns how much it is. Frames may be cut anywhere. */
size_t log_frames_strip(LogFrames *frames, const char *data, size_t len, char *out);

#endif
