#include "log_frames.h"

#include <string.h>

#define SYSTEM_ERROR 3

static void read_head(LogFrames *frames)
{
    const unsigned char *h = frames->head;

    frames->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
    frames->ended = h[0] == SYSTEM_ERROR;
    frames->head_len = 0;
}

size_t log_frames_strip(LogFrames *frames, const char *data, size_t len, char *out)
{
    size_t used = 0;

    while (len > 0 && !frames->ended) {
        if (frames->left == 0) {
            frames->head[frames->head_len++] = (unsigned char)*data++;
            len--;
            if (frames->head_len == sizeof(frames->head))
                read_head(frames);
            continue;
        }
        size_t n = len < frames->left ? len : frames->left;
        memmove(out + used, data, n);
        used += n;
        data += n;
        len -= n;
        frames->left -= (uint32_t)n;
    }
    return used;
}
