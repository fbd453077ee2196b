#include "wire.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int wire_connect(Wire *wire, const struct sockaddr_in *to, int epoll_fd, void *tag)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = tag };
    int on = 1;

    wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wire->fd < 0)
        return -1;
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    wire->connecting = true;
    if ((connect(wire->fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS) ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wire->fd, &event) < 0) {
        wire_close(wire);
        return -1;
    }
    return 0;
}

bool wire_connected(Wire *wire)
{
    int error = 0;
    socklen_t size = sizeof(error);

    wire->connecting = false;
    return getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

/* Requests are far smaller than a socket's buffer: what does not fit is as good as lost. */
int wire_send(Wire *wire, const char *text, size_t len)
{
    return send(wire->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

int wire_read(Wire *wire)
{
    for (;;) {
        if (wire->cap - wire->len < 1024) {
            wire->cap = wire->cap == 0 ? 2048 : wire->cap * 2;
            wire->in = realloc(wire->in, wire->cap);
            if (wire->in == NULL)
                abort();
        }
        ssize_t n = recv(wire->fd, wire->in + wire->len, wire->cap - wire->len - 1, 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        if (n == 0)
            return -1;
        wire->len += (size_t)n;
        wire->in[wire->len] = '\0';
    }
}

static const char *header(const char *head, const char *end, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = head; (p = memchr(p, '\n', (size_t)(end - p))) != NULL && p < end;) {
        p++;
        if ((size_t)(end - p) > len && strncasecmp(p, name, len) == 0)
            return p + len + strspn(p + len, " ");
    }
    return NULL;
}

bool wire_answer(Wire *wire, Answer *ret)
{
    char *end = wire->len > 0 ? memmem(wire->in, wire->len, "\r\n\r\n", 4) : NULL;

    if (end == NULL)
        return false;
    const char *length = header(wire->in, end + 2, "content-length:");
    const char *etag = header(wire->in, end + 2, "etag:");
    *ret = (Answer){ .status = (int)strtol(wire->in + strlen("HTTP/1.1 "), NULL, 10),
                     .body = end + 4,
                     .len = length != NULL ? strtoul(length, NULL, 10) : 0 };
    const char *later = header(wire->in, end + 2, "retry-after:");
    if (later != NULL)
        ret->retry_after = (int)strtol(later, NULL, 10);
    if (etag != NULL && strcspn(etag, "\r") < sizeof(ret->etag))
        memcpy(ret->etag, etag, strcspn(etag, "\r"));
    return wire->len - (size_t)(ret->body - wire->in) >= ret->len;
}

void wire_forget(Wire *wire)
{
    free(wire->in);
    wire->in = NULL;
    wire->len = wire->cap = 0;
}

void wire_close(Wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
    wire_forget(wire);
}
