#include "stream.h"

#include "problem.h"

#include "cara/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <search.h>
#include <string.h>
#include <sys/socket.h>

#define SEND_BUFFER_BYTES                                                                          \
    (256 * 1024) /* what the kernel may hold for a client that does not read */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_STEP_S 10
#define KEEPALIVE_COUNT  3
#define UNTAKEN_MAX_MS   60000

struct Stream {
    h2o_generator_t super;
    h2o_req_t *req;
    h2o_socket_t *sock;
    StreamOwner owner;
    bool busy;
    bool ending;
    bool ended; /* the last piece is under way */
};

/* libh2o's sockets lead to its own connection only; this leads from one to its stream. */
static void *by_socket;

static int compare_sockets(const void *a, const void *b)
{
    const h2o_socket_t *x = ((const Stream *)a)->sock;
    const h2o_socket_t *y = ((const Stream *)b)->sock;

    return (x > y) - (x < y);
}

static Stream *stream_of(h2o_socket_t *sock)
{
    Stream wanted = { .sock = sock };
    Stream **found = tfind(&wanted, &by_socket, compare_sockets);

    return found != NULL ? *found : NULL;
}

static void finish(Stream *stream)
{
    stream->ended = true;
    stream->busy = true;
    h2o_send(stream->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    Stream *stream = (Stream *)generator;

    (void)req;
    stream->busy = false;
    if (stream->ending)
        finish(stream);
    else
        stream->owner.sent(stream->owner.arg);
}

/* The end of the client's side means that it has left; anything else it says is not for us. */
static void on_input(h2o_socket_t *sock, const char *error)
{
    Stream *stream = stream_of(sock);
    char byte;
    ssize_t n =
        error != NULL ? 0 : recv(h2o_socket_get_fd(sock), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    h2o_socket_read_stop(sock);
    if (n <= 0 && stream != NULL)
        stream_cut(stream);
}

static void dispose(void *p)
{
    Stream *stream = p;

    tdelete(stream, &by_socket, compare_sockets);
    stream->owner.closed(stream->owner.arg);
}

/* A client whose machine is gone is noticed without a byte of ours; one that reads nothing costs a
 * bounded piece of the kernel's memory. */
static void tune_socket(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } tuning[] = {
        { SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES },
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
        { IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_STEP_S },
        { IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT },
        { IPPROTO_TCP, TCP_USER_TIMEOUT, UNTAKEN_MAX_MS },
    };

    for (size_t i = 0; i < ARRAY_LEN(tuning); i++)
        setsockopt(fd, tuning[i].level, tuning[i].name, &tuning[i].value, sizeof(int));
}

/* libh2o keeps the head back until there is something to go with it; the last of its output
 * streams, which writes to the socket, does not. */
static void send_head(h2o_req_t *req)
{
    h2o_ostream_t *last = req->_ostr_top;

    while (last->next != NULL)
        last = last->next;
    last->do_send(last, req, NULL, 0, H2O_SEND_STATE_IN_PROGRESS);
}

Stream *stream_open(h2o_req_t *req, const char *content_type, const StreamOwner *owner)
{
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    Stream *stream = h2o_mem_alloc_shared(&req->pool, sizeof(*stream), dispose);

    *stream = (Stream){
        .super = { .proceed = proceed }, .req = req, .sock = sock, .owner = *owner, .busy = true
    };
    tsearch(stream, &by_socket, compare_sockets);
    tune_socket(h2o_socket_get_fd(sock));
    req->res.status = 200;
    req->res.reason = problem_reason(200);
    req->res.content_length = SIZE_MAX;
    req->http1_is_persistent = 0;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type,
                   strlen(content_type));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL,
                   H2O_STRLIT("no-store"));
    h2o_start_response(req, &stream->super);
    send_head(req);
    /* the request has been read and no other follows: its buffer is most of what an idle
     * connection holds */
    if (sock->input->size > 0)
        h2o_buffer_consume(&sock->input, sock->input->size);
    h2o_socket_dont_read(sock, 1);
    h2o_socket_read_start(sock, on_input);
    return stream;
}

bool stream_is_busy(const Stream *stream)
{
    return stream->busy;
}

void stream_send(Stream *stream, const char *data, size_t len)
{
    h2o_iovec_t piece = h2o_iovec_init(data, len);

    stream->busy = true;
    h2o_send(stream->req, &piece, 1, H2O_SEND_STATE_IN_PROGRESS);
}

void stream_end(Stream *stream)
{
    stream->ending = true;
    if (!stream->busy)
        finish(stream);
}

void stream_cut(Stream *stream)
{
    /* what is under way fails, or the end that follows it; libh2o then cleans up */
    shutdown(h2o_socket_get_fd(stream->sock), SHUT_RDWR);
    if (!stream->ended)
        stream_end(stream);
}
