#include "frames.h"

#include <string.h>

size_t frames_take(Frames *frames, const char *data, size_t len, int *ret_stream, size_t *ret_len)
{
    const unsigned char *h = frames->head;

    *ret_len = 0;
    *ret_stream = h[0];
    if (frames->left > 0) {
        size_t n = len < frames->left ? len : frames->left;
        frames->left -= (uint32_t)n;
        *ret_len = n;
        return n;
    }
    size_t wanted = sizeof(frames->head) - frames->head_len;
    size_t n = len < wanted ? len : wanted;
    memcpy(frames->head + frames->head_len, data, n);
    frames->head_len += n;
    if (frames->head_len == sizeof(frames->head)) {
        frames->left =
            (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | (uint32_t)h[7];
        frames->head_len = 0;
    }
    return n;
}
