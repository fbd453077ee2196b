#include "cara/buf.h"

#include "cara/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buf_init(Buf *buf, size_t max)
{
    *buf = (Buf){ .max = max };
}

void buf_done(Buf *buf)
{
    free(buf->data);
    *buf = (Buf){ .max = buf->max };
}

void buf_reset(Buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

/* Makes room for `more` bytes and the NUL. */
static int reserve(Buf *buf, size_t more)
{
    if (buf->failed || more > buf->max - buf->len) {
        buf->failed = true;
        return -1;
    }
    size_t need = buf->len + more + 1;
    if (need > buf->cap) {
        size_t cap = buf->cap > 0 ? buf->cap : 64;
        while (cap < need)
            cap *= 2;
        buf->data = mem_grow(buf->data, cap, 1);
        buf->cap = cap;
    }
    return 0;
}

int buf_add(Buf *buf, const void *data, size_t len)
{
    if (reserve(buf, len) < 0)
        return -1;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return 0;
}

int buf_add_str(Buf *buf, const char *s)
{
    return buf_add(buf, s, strlen(s));
}

int buf_printf(Buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0 || reserve(buf, (size_t)n) < 0)
        return -1;
    va_start(args, fmt);
    vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)n;
    return 0;
}

const char *buf_str(const Buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *buf_take(Buf *buf)
{
    char *out = buf->data != NULL ? buf->data : mem_strdup("");

    *buf = (Buf){ .max = buf->max };
    return out;
}
