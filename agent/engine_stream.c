#include "engine_stream.h"

#include "cara/buf.h"
#include "cara/mem.h"
#include "pico.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MAX    (16 * 1024)
#define HEADERS_MAX 64
#define REQUEST_MAX (64 * 1024)
#define ROUNDS_MAX  4 /* pieces in a row before others on the loop have their turn */
#define UNBOUNDED   SIZE_MAX

typedef enum Body { BODY_RAW, BODY_LENGTH, BODY_CHUNKED } Body;

struct EngineStream {
    const EngineStreamEvents *events;
    void *arg;
    h2o_socket_t *sock;                /* NULL before there is an address */
    h2o_hostinfo_getaddr_req_t *names; /* while a name is looked up */
    h2o_timeout_entry_t soon;          /* does from the loop what must not be done from a call */
    const char *failure;
    Buf head;    /* of the answer, until it is whole; then what came with it while paused */
    Buf leaving; /* being written */
    Buf waiting; /* to be written after that */
    bool hijack;
    bool connected;
    bool has_head;
    bool paused;
    bool shut; /* wanted, or done */
    bool busy; /* in a callback: freed after it */
    bool closed;
    Body body;
    size_t left; /* bytes of the body still to come, with BODY_LENGTH */
    struct phr_chunked_decoder chunks;
};

static struct {
    h2o_loop_t *loop;
    h2o_multithread_receiver_t *resolver;
    h2o_timeout_t at_once;
    struct sockaddr_un un; /* sun_family 0: TCP */
    char host[256];
    char port[8];
} engine;

int engine_stream_init(const char *docker_host, h2o_loop_t *loop,
                       h2o_multithread_receiver_t *resolver, Err *err)
{
    engine.loop = loop;
    engine.resolver = resolver;
    h2o_timeout_init(loop, &engine.at_once, 0);
    if (strncmp(docker_host, "unix://", 7) == 0) {
        if (strlen(docker_host + 7) >= sizeof(engine.un.sun_path))
            return err_set(err, ERR_INVALID, "docker_host \"%s\": the path is too long",
                           docker_host);
        engine.un.sun_family = AF_UNIX;
        snprintf(engine.un.sun_path, sizeof(engine.un.sun_path), "%s", docker_host + 7);
        return 0;
    }
    const char *host = strncmp(docker_host, "tcp://", 6) == 0 ? docker_host + 6 : docker_host;
    const char *colon = strrchr(host, ':');
    size_t len = colon != NULL ? (size_t)(colon - host) : 0;
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(engine.host) || strlen(colon + 1) >= sizeof(engine.port))
        return err_set(err, ERR_INVALID, "docker_host \"%s\" is not usable: write tcp://host:port",
                       docker_host);
    snprintf(engine.host, sizeof(engine.host), "%.*s", (int)len, host);
    snprintf(engine.port, sizeof(engine.port), "%s", colon + 1);
    return 0;
}

h2o_loop_t *engine_stream_loop(void)
{
    return engine.loop;
}

/* ---- the end ---- */

static void destroy(EngineStream *stream)
{
    if (stream->names != NULL)
        h2o_hostinfo_getaddr_cancel(stream->names);
    if (h2o_timeout_is_linked(&stream->soon))
        h2o_timeout_unlink(&stream->soon);
    if (stream->sock != NULL)
        h2o_socket_close(stream->sock);
    buf_done(&stream->head);
    buf_done(&stream->leaving);
    buf_done(&stream->waiting);
    free(stream);
}

void engine_stream_close(EngineStream *stream)
{
    if (stream == NULL)
        return;
    stream->closed = true;
    if (!stream->busy)
        destroy(stream);
}

/* Around each callback; false when it closed the stream, which is gone then. */
static bool alive(EngineStream *stream)
{
    stream->busy = false;
    if (stream->closed)
        destroy(stream);
    return !stream->closed;
}

static void end(EngineStream *stream, const char *error)
{
    stream->busy = true;
    stream->events->on_end(stream->arg, error);
    stream->closed = true;
    destroy(stream);
}

static bool take_body(EngineStream *stream, char *data, size_t len);
static void read_on(EngineStream *stream);

static void on_soon(h2o_timeout_entry_t *entry)
{
    EngineStream *stream = H2O_STRUCT_FROM_MEMBER(EngineStream, soon, entry);

    if (stream->failure != NULL) {
        end(stream, stream->failure);
        return;
    }
    if (stream->paused)
        return;
    _cleanup_(buf_done) Buf early = stream->head;
    stream->head = (Buf){ 0 };
    if (take_body(stream, early.data, early.len))
        read_on(stream);
}

static void act_soon(EngineStream *stream)
{
    if (h2o_timeout_is_linked(&stream->soon))
        return;
    stream->soon.cb = on_soon;
    h2o_timeout_link(engine.loop, &engine.at_once, &stream->soon);
}

static void fail_soon(EngineStream *stream, const char *failure)
{
    stream->failure = failure;
    act_soon(stream);
}

/* ---- the answer ---- */

static bool header_is(const struct phr_header *header, const char *name)
{
    return header->name != NULL && header->name_len == strlen(name) &&
           strncasecmp(header->name, name, header->name_len) == 0;
}

static void choose_body(EngineStream *stream, int status, const struct phr_header *headers,
                        size_t count)
{
    stream->body = BODY_RAW;
    for (size_t i = 0; i < count; i++) {
        if (header_is(&headers[i], "transfer-encoding")) {
            stream->body = BODY_CHUNKED;
            stream->chunks.consume_trailer = 1;
        } else if (header_is(&headers[i], "content-length") && stream->body == BODY_RAW) {
            stream->body = BODY_LENGTH;
            stream->left = h2o_strtosize(headers[i].value, headers[i].value_len);
        }
    }
    if (status == 101) {
        stream->body = BODY_RAW;
    } else if (status == 204 || status == 304) {
        stream->body = BODY_LENGTH;
        stream->left = 0;
    }
}

/* Takes bytes of the body, which it may change. False when the stream has ended or was closed. */
static bool take_body(EngineStream *stream, char *data, size_t len)
{
    bool last = false;
    bool broken = false;

    if (stream->body == BODY_LENGTH) {
        if (len > stream->left)
            len = stream->left;
        stream->left -= len;
        last = stream->left == 0;
    } else if (stream->body == BODY_CHUNKED && len > 0) {
        ssize_t rest = phr_decode_chunked(&stream->chunks, data, &len);
        last = rest >= 0;
        broken = rest == -1;
    }
    if (!broken && len > 0) {
        stream->busy = true;
        stream->events->on_data(stream->arg, data, len);
        if (!alive(stream))
            return false;
    }
    if (last || broken)
        end(stream, broken ? "the Docker engine sent a broken answer" : NULL);
    return !last && !broken;
}

/* Adds to the head; when it is whole, what follows it is body. */
static bool take_head(EngineStream *stream, const char *data, size_t len)
{
    struct phr_header headers[HEADERS_MAX];
    size_t count = HEADERS_MAX;
    size_t known = stream->head.len;
    size_t words_len = 0;
    const char *words;
    int minor = 0;
    int status = 0;

    int n = buf_add(&stream->head, data, len) < 0
                ? -1
                : phr_parse_response(stream->head.data, stream->head.len, &minor, &status, &words,
                                     &words_len, headers, &count, known);
    if (n == -2)
        return true;
    if (n < 0) {
        end(stream, "the Docker engine did not answer in HTTP");
        return false;
    }
    choose_body(stream, status, headers, count);
    stream->has_head = true;
    _cleanup_(buf_done) Buf head = stream->head;
    stream->head = (Buf){ 0 };
    if (stream->events->on_head != NULL) {
        stream->busy = true;
        stream->events->on_head(stream->arg, status);
        if (!alive(stream))
            return false;
    }
    if (stream->paused) {
        buf_init(&stream->head, HEAD_MAX + ENGINE_PIECE_MAX);
        buf_add(&stream->head, head.data + n, head.len - (size_t)n);
        return false;
    }
    return take_body(stream, head.data + n, head.len - (size_t)n);
}

static void end_of_input(EngineStream *stream)
{
    bool whole = stream->has_head && stream->body == BODY_RAW;

    end(stream, whole ? NULL : "the Docker engine closed the connection");
}

/* The socket is not read by libh2o, whose buffer would grow as fast as the engine can write. */
static void on_readable(h2o_socket_t *sock, const char *error)
{
    static char piece[ENGINE_PIECE_MAX]; /* there is one loop */
    EngineStream *stream = sock->data;

    for (int i = 0; i < ROUNDS_MAX && error == NULL && !stream->paused; i++) {
        ssize_t n = read(h2o_socket_get_fd(sock), piece, sizeof(piece));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            end_of_input(stream);
            return;
        }
        bool on = stream->has_head ? take_body(stream, piece, (size_t)n)
                                   : take_head(stream, piece, (size_t)n);
        if (!on || (size_t)n < sizeof(piece))
            return;
    }
}

static void read_on(EngineStream *stream)
{
    if (stream->sock == NULL || !stream->connected)
        return;
    if (stream->paused)
        h2o_socket_read_stop(stream->sock);
    else
        h2o_socket_read_start(stream->sock, on_readable);
}

void engine_stream_pause(EngineStream *stream)
{
    stream->paused = true;
    read_on(stream);
}

void engine_stream_resume(EngineStream *stream)
{
    stream->paused = false;
    if (stream->has_head && (stream->head.len > 0 || stream->head.max > 0))
        act_soon(stream);
    else
        read_on(stream);
}

/* ---- what we send ---- */

static void write_on(EngineStream *stream);

static void on_written(h2o_socket_t *sock, const char *error)
{
    EngineStream *stream = sock->data;

    buf_reset(&stream->leaving);
    if (error != NULL) {
        if (!stream->has_head) /* else reading tells how it ended */
            end(stream, "the connection to the Docker engine broke");
        return;
    }
    write_on(stream);
    if (engine_stream_unwritten(stream) == 0 && stream->has_head &&
        stream->events->on_written != NULL) {
        stream->busy = true;
        stream->events->on_written(stream->arg);
        alive(stream);
    }
}

static void write_on(EngineStream *stream)
{
    if (!stream->connected || h2o_socket_is_writing(stream->sock))
        return;
    if (stream->waiting.len > 0) {
        Buf empty = stream->leaving;
        stream->leaving = stream->waiting;
        stream->waiting = empty;
        h2o_iovec_t bytes = h2o_iovec_init(stream->leaving.data, stream->leaving.len);
        h2o_socket_write(stream->sock, &bytes, 1, on_written);
    } else if (stream->shut) {
        shutdown(h2o_socket_get_fd(stream->sock), SHUT_WR);
    }
}

void engine_stream_write(EngineStream *stream, const char *data, size_t len)
{
    if (len == 0 || stream->shut)
        return;
    buf_add(&stream->waiting, data, len);
    write_on(stream);
}

size_t engine_stream_unwritten(const EngineStream *stream)
{
    return stream->leaving.len + stream->waiting.len;
}

void engine_stream_shutdown(EngineStream *stream)
{
    stream->shut = true;
    write_on(stream);
}

/* ---- the connection ---- */

static void on_connect(h2o_socket_t *sock, const char *error)
{
    EngineStream *stream = sock->data;

    if (error != NULL) {
        end(stream, "the Docker engine cannot be reached");
        return;
    }
    stream->connected = true;
    h2o_socket_dont_read(sock, 1);
    read_on(stream);
    write_on(stream);
}

static void connect_to(EngineStream *stream, struct sockaddr *address, socklen_t len)
{
    stream->sock = h2o_socket_connect(engine.loop, address, len, on_connect);
    if (stream->sock == NULL)
        fail_soon(stream, "the Docker engine cannot be reached");
    else
        stream->sock->data = stream;
}

static void on_address(h2o_hostinfo_getaddr_req_t *names, const char *error, struct addrinfo *found,
                       void *arg)
{
    EngineStream *stream = arg;

    (void)names;
    stream->names = NULL;
    if (error != NULL) {
        end(stream, "the name of the Docker engine's host cannot be resolved");
        return;
    }
    struct addrinfo *one = h2o_hostinfo_select_one(found);
    connect_to(stream, one->ai_addr, one->ai_addrlen);
}

static void compose(const EngineRequest *request, Buf *out)
{
    size_t len = request->body != NULL ? strlen(request->body) : 0;

    buf_printf(out, "%s %s HTTP/1.1\r\nHost: docker\r\nUser-Agent: cara-agent\r\n%s",
               request->method, request->path,
               request->hijack ? "Connection: Upgrade\r\nUpgrade: tcp\r\n"
                               : "Connection: close\r\n");
    if (request->body != NULL)
        buf_add_str(out, "Content-Type: application/json\r\n");
    if (request->body != NULL || strcmp(request->method, "POST") == 0)
        buf_printf(out, "Content-Length: %zu\r\n", len);
    buf_add_str(out, "\r\n");
    buf_add(out, request->body, len);
}

EngineStream *engine_stream_open(const EngineRequest *request, const EngineStreamEvents *events,
                                 void *arg)
{
    EngineStream *stream = mem_alloc(sizeof(*stream));

    stream->events = events;
    stream->arg = arg;
    buf_init(&stream->head, HEAD_MAX + ENGINE_PIECE_MAX);
    buf_init(&stream->leaving, UNBOUNDED);
    buf_init(&stream->waiting, UNBOUNDED);
    compose(request, &stream->waiting);
    if (engine.un.sun_family == AF_UNIX)
        connect_to(stream, (struct sockaddr *)&engine.un, sizeof(engine.un));
    else
        stream->names = h2o_hostinfo_getaddr(
            engine.resolver, h2o_iovec_init(engine.host, strlen(engine.host)),
            h2o_iovec_init(engine.port, strlen(engine.port)), AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP,
            AI_ADDRCONFIG | AI_NUMERICSERV, on_address, stream);
    return stream;
}
