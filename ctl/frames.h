/* Output of a program without a terminal, as the Docker engine multiplexes it: pieces of stdout and
 * stderr, each behind eight bytes, stream 0 0 0 length(4, big-endian). Pure. */
#ifndef CTL_FRAMES_H
#define CTL_FRAMES_H

#include <stddef.h>
#include <stdint.h>

typedef struct Frames { /* zeroed before the first piece */
    unsigned char head[8];
    size_t head_len;
    uint32_t left; /* of the frame */
} Frames;

/* Takes the front of what came and returns how much: the head of a frame (then *ret_len is 0), or
 * a piece of output (the last *ret_len bytes of it), whose stream *ret_stream tells: 1 stdout, 2
 * stderr. Frames may be cut anywhere. */
size_t frames_take(Frames *frames, const char *data, size_t len, int *ret_stream, size_t *ret_len);

#endif
