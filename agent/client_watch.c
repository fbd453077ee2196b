#include "client_watch.h"

#include <errno.h>
#include <sys/socket.h>

/* The socket's `data` is libh2o's; its on_close has no callback here, so the data beside is free.
 */
typedef struct Watch {
    void (*gone)(void *arg);
    void *arg;
} Watch;

static h2o_socket_t *socket_of(h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn);
}

static void on_input(h2o_socket_t *sock, const char *error)
{
    const Watch *watch = sock->on_close.data;
    char byte;
    ssize_t n = recv(h2o_socket_get_fd(sock), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    (void)error;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    h2o_socket_read_stop(sock); /* if it is another request, it waits */
    if (n <= 0)
        watch->gone(watch->arg);
}

void client_watch_start(h2o_req_t *req, void (*gone)(void *arg), void *arg)
{
    h2o_socket_t *sock = socket_of(req);
    Watch *watch = sock->on_close.data;

    if (h2o_socket_is_reading(sock))
        return;
    if (watch == NULL)
        watch = h2o_mem_alloc_pool(&req->pool, sizeof(*watch));
    *watch = (Watch){ .gone = gone, .arg = arg };
    sock->on_close.data = watch;
    h2o_socket_dont_read(sock, 1);
    h2o_socket_read_start(sock, on_input);
}

void client_watch_stop(h2o_req_t *req)
{
    h2o_socket_t *sock = socket_of(req);

    h2o_socket_read_stop(sock);
    h2o_socket_dont_read(sock, 0);
    sock->on_close.data = NULL;
}
