#include "ingress_body.h"

#include <stdio.h>
#include <string.h>

void body_begin(Body *body, BodyKind kind, uint64_t length)
{
    *body = (Body){ .kind = kind, .left = length, .done = kind == BODY_NONE };
    body->decoder.consume_trailer = 1;
}

static int take_chunked(Body *body, char *data, size_t *len, size_t *ret_at, size_t *ret_rest)
{
    ssize_t rest = phr_decode_chunked(&body->decoder, data, len);

    if (rest == -1)
        return -1;
    body->done = rest >= 0;
    if (rest > 0) { /* what follows stands at the end of what came */
        *ret_at = *len;
        *ret_rest = (size_t)rest;
    }
    return 0;
}

int body_take(Body *body, char *data, size_t *len, size_t *ret_at, size_t *ret_rest)
{
    *ret_at = *ret_rest = 0;
    if (*len == 0)
        return 0;
    switch (body->done ? BODY_NONE : body->kind) {
    case BODY_NONE:
        *ret_rest = *len;
        *len = 0;
        return 0;
    case BODY_LENGTH:
        if (*len > body->left) {
            *ret_at = (size_t)body->left;
            *ret_rest = *len - (size_t)body->left;
            *len = (size_t)body->left;
        }
        body->left -= *len;
        body->done = body->left == 0;
        return 0;
    case BODY_CHUNKED:
        return take_chunked(body, data, len, ret_at, ret_rest);
    case BODY_UNTIL_CLOSE:
        return 0;
    }
    return -1;
}

size_t body_frame(BodyKind kind, const char *data, size_t len, bool last, ChunkFrame *frame,
                  struct iovec out[static BODY_PIECES])
{
    static const char end[] = "0\r\n\r\n";
    size_t n = 0;

    if (kind != BODY_CHUNKED) {
        if (len > 0)
            out[n++] = (struct iovec){ (void *)(uintptr_t)data, len };
        return n;
    }
    if (len > 0) {
        int size = snprintf(frame->size, sizeof(frame->size), "%zx\r\n", len);
        out[n++] = (struct iovec){ frame->size, (size_t)size };
        out[n++] = (struct iovec){ (void *)(uintptr_t)data, len };
        out[n++] = (struct iovec){ (void *)(uintptr_t) "\r\n", 2 };
    }
    if (last)
        out[n++] = (struct iovec){ (void *)(uintptr_t)end, sizeof(end) - 1 };
    return n;
}
