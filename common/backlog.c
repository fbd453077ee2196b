#include "cara/backlog.h"

#include "cara/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_ROOM (4 * 1024)

static void make_room(Backlog *backlog, size_t len)
{
    size_t cap = backlog->cap > 0 ? backlog->cap : FIRST_ROOM;

    if (backlog->start > 0) {
        memmove(backlog->data, backlog->data + backlog->start, backlog_len(backlog));
        backlog->end -= backlog->start;
        backlog->start = 0;
    }
    while (cap < backlog->end + len)
        cap *= 2;
    if (cap > backlog->cap) {
        backlog->data = mem_grow(backlog->data, cap, 1);
        backlog->cap = cap;
    }
}

void backlog_add(Backlog *backlog, const void *data, size_t len)
{
    if (len == 0)
        return;
    if (len > backlog->cap - backlog->end)
        make_room(backlog, len);
    memcpy(backlog->data + backlog->end, data, len);
    backlog->end += len;
}

void backlog_drop(Backlog *backlog)
{
    free(backlog->data);
    *backlog = (Backlog){ 0 };
}

int backlog_flush(Backlog *backlog, int fd)
{
    while (backlog->start < backlog->end) {
        ssize_t n = send(fd, backlog->data + backlog->start, backlog_len(backlog), MSG_NOSIGNAL);
        if (n >= 0)
            backlog->start += (size_t)n;
        else if (errno == EAGAIN)
            return 0;
        else if (errno != EINTR)
            return -1;
    }
    backlog_drop(backlog);
    return 0;
}
