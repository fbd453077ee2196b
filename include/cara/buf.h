/* A growable byte string with a maximum. It is always NUL-terminated once something was added.
 * Adding past the maximum changes nothing and returns -1, and every later call fails likewise, so a
 * caller may add a dozen pieces and look once. */
#ifndef CARA_BUF_H
#define CARA_BUF_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Buf {
    char *data; /* owned; NULL while empty */
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
} Buf;

void buf_init(Buf *buf, size_t max);
void buf_done(Buf *buf);
void buf_reset(Buf *buf); /* empties it, keeps the memory */

int buf_add(Buf *buf, const void *data, size_t len);
int buf_add_str(Buf *buf, const char *s);
int buf_printf(Buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *buf_str(const Buf *buf); /* never NULL */
char *buf_take(Buf *buf); /* the string, owned by the caller; the buffer is empty after */

#endif
