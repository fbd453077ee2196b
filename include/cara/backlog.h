/* Bytes that wait until a socket takes them. An empty one owns no memory. It has no maximum of its
 * own: whoever adds stops reading at the other end while there is a backlog. */
#ifndef CARA_BACKLOG_H
#define CARA_BACKLOG_H

#include <stddef.h>

typedef struct Backlog {
    char *data; /* owned; NULL while nothing waits */
    size_t cap;
    size_t start; /* gone up to here */
    size_t end;
} Backlog;

void backlog_add(Backlog *backlog, const void *data, size_t len);
void backlog_drop(Backlog *backlog); /* forgets what waits */

/* Writes to a non-blocking socket as much as it takes. 0, or -1 with errno when it failed. */
int backlog_flush(Backlog *backlog, int fd);

static inline size_t backlog_len(const Backlog *backlog)
{
    return backlog->end - backlog->start;
}

#endif
