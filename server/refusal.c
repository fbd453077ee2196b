#include "refusal.h"

#include "answer.h"

#include "cara/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS        2000
#define LINGER_MAX_BYTES (64 * 1024 * 1024)

static struct {
    h2o_loop_t *loop;
    h2o_timeout_t patience;
} refusing;

/* A second handle on the client's socket, which outlives libh2o's. */
typedef struct Linger {
    h2o_socket_t *sock;
    h2o_timeout_entry_t entry;
    size_t discarded;
} Linger;

typedef struct RefusalStream {
    h2o_ostream_t super;
    h2o_iovec_t body;
} RefusalStream;

static void linger_free(Linger *linger)
{
    h2o_timeout_unlink(&linger->entry);
    h2o_socket_close(linger->sock);
    free(linger);
}

static void on_readable(h2o_socket_t *sock, const char *error)
{
    char scratch[16384];
    Linger *linger = sock->data;
    ssize_t n = error != NULL ? 0 : recv(h2o_socket_get_fd(sock), scratch, sizeof(scratch), 0);

    if (n > 0)
        linger->discarded += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
        linger->discarded > LINGER_MAX_BYTES)
        linger_free(linger);
}

static void on_patience_over(h2o_timeout_entry_t *entry)
{
    linger_free(H2O_STRUCT_FROM_MEMBER(Linger, entry, entry));
}

/* libh2o is done with the connection: the answer is with the kernel. */
static void start_lingering(void *p)
{
    int fd = *(int *)p;
    Linger *linger = mem_alloc(sizeof(*linger));

    shutdown(fd, SHUT_WR);
    linger->sock = h2o_evloop_socket_create(refusing.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    linger->sock->data = linger;
    linger->entry.cb = on_patience_over;
    h2o_timeout_link(refusing.loop, &refusing.patience, &linger->entry);
    h2o_socket_read_start(linger->sock, on_readable);
}

void refusal_linger(h2o_req_t *req)
{
    int fd = dup(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)));

    req->http1_is_persistent = 0;
    if (fd >= 0)
        *(int *)h2o_mem_alloc_shared(&req->pool, sizeof(fd), start_lingering) = fd;
}

static void send_instead(h2o_ostream_t *stream, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                         h2o_send_state_t state)
{
    RefusalStream *self = (RefusalStream *)stream;

    h2o_ostream_send_next(stream, req, count > 0 ? &self->body : bufs, count > 0 ? 1 : 0, state);
}

/* Our own answers with these statuses are problem documents already. */
static bool is_from_libh2o(const h2o_req_t *req)
{
    ssize_t type = h2o_find_header(&req->res.headers, H2O_TOKEN_CONTENT_TYPE, -1);

    return (req->res.status == 400 || req->res.status == 413 || req->res.status == 417) &&
           type != -1 &&
           h2o_memis(req->res.headers.entries[type].value.base,
                     req->res.headers.entries[type].value.len,
                     H2O_STRLIT("text/plain; charset=utf-8"));
}

static void on_setup_ostream(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)filter;
    if (is_from_libh2o(req)) {
        ssize_t type = h2o_find_header(&req->res.headers, H2O_TOKEN_CONTENT_TYPE, -1);
        RefusalStream *stream = (void *)h2o_add_ostream(req, sizeof(*stream), slot);
        stream->super.do_send = send_instead;
        stream->body = answer_problem_text(
            &req->pool, req->res.status,
            req->res.status == 413 ? "request body is larger than 4 MiB"
            : req->res.status == 417
                ? "the only expectation known is 100-continue"
                : "invalid request body: broken Content-Length or chunked encoding",
            NULL);
        req->res.headers.entries[type].value =
            h2o_iovec_init(H2O_STRLIT("application/problem+json"));
        req->res.content_length = stream->body.len;
        refusal_linger(req);
        slot = &stream->super.next;
    }
    h2o_setup_next_ostream(req, slot);
}

void refusal_register(h2o_pathconf_t *path, h2o_loop_t *loop)
{
    h2o_filter_t *filter = h2o_create_filter(path, sizeof(*filter));

    refusing.loop = loop;
    h2o_timeout_init(loop, &refusing.patience, LINGER_MS);
    filter->on_setup_ostream = on_setup_ostream;
}
