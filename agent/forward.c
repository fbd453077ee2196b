#include "forward.h"

#include "cara/mem.h"
#include "cara/tunnel.h"
#include "cara/websocket.h"
#include "httpd.h"
#include "lookup.h"
#include "upgrade.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FORWARDS_MAX 2048
#define DIAL_MAX_MS  5000

typedef struct Guard Guard;

typedef struct Forward {
    h2o_req_t *req;                /* until it is a tunnel */
    Guard *guard;                  /* likewise */
    const char *project, *service; /* the request's */
    uint16_t port;
    bool half_close;
    Lookup *lookup;
    char address[64];             /* "10.0.0.2:80" */
    h2o_socket_t *target;         /* owned */
    h2o_socket_t *client;         /* owned */
    h2o_timeout_entry_t patience; /* with the dial */
    Tunnel *tunnel;               /* owned */
} Forward;

/* Lives in the request's pool and frees the Forward with it, unless it has gone on by itself. */
struct Guard {
    Forward *forward;
};

static size_t open_count;

static void forward_free(Forward *forward)
{
    lookup_cancel(forward->lookup);
    h2o_timeout_unlink(&forward->patience);
    tunnel_free(forward->tunnel);
    if (forward->client != NULL)
        h2o_socket_close(forward->client);
    if (forward->target != NULL)
        h2o_socket_close(forward->target);
    free(forward);
    open_count--;
}

/* ---- the tunnel ------------------------------------------------------------------------------ */

static void on_client_readable(h2o_socket_t *sock, const char *err);
static void on_client_writable(h2o_socket_t *sock, const char *err);
static void on_target_readable(h2o_socket_t *sock, const char *err);
static void on_target_writable(h2o_socket_t *sock, const char *err);

static void watch(h2o_socket_t *sock, bool read, bool write, h2o_socket_cb on_read,
                  h2o_socket_cb on_write)
{
    if (read && !h2o_socket_is_reading(sock))
        h2o_socket_read_start(sock, on_read);
    else if (!read && h2o_socket_is_reading(sock))
        h2o_socket_read_stop(sock);
    if (write && !h2o_socket_is_writing(sock))
        h2o_socket_notify_write(sock, on_write);
}

static void go_on(Forward *forward)
{
    unsigned wants = tunnel_wants(forward->tunnel);

    if (wants == 0) {
        forward_free(forward);
        return;
    }
    watch(forward->client, wants & TUNNEL_WS_READ, wants & TUNNEL_WS_WRITE, on_client_readable,
          on_client_writable);
    watch(forward->target, wants & TUNNEL_FD_READ, wants & TUNNEL_FD_WRITE, on_target_readable,
          on_target_writable);
}

static void be_ready(h2o_socket_t *sock, unsigned event)
{
    Forward *forward = sock->data;

    tunnel_ready(forward->tunnel, event);
    go_on(forward);
}

/* An error shows itself again at the read or write that follows. */
static void on_client_readable(h2o_socket_t *sock, const char *err)
{
    (void)err;
    be_ready(sock, TUNNEL_WS_READ);
}

static void on_client_writable(h2o_socket_t *sock, const char *err)
{
    (void)err;
    be_ready(sock, TUNNEL_WS_WRITE);
}

static void on_target_readable(h2o_socket_t *sock, const char *err)
{
    (void)err;
    be_ready(sock, TUNNEL_FD_READ);
}

static void on_target_writable(h2o_socket_t *sock, const char *err)
{
    (void)err;
    be_ready(sock, TUNNEL_FD_WRITE);
}

static void on_upgraded(void *arg, h2o_socket_t *sock, const char *early, size_t len)
{
    Forward *forward = arg;

    if (sock == NULL) {
        forward_free(forward);
        return;
    }
    forward->client = sock;
    sock->data = forward;
    forward->tunnel = tunnel_new(h2o_socket_get_fd(sock), h2o_socket_get_fd(forward->target), true,
                                 forward->half_close);
    for (size_t n; len > 0; early += n, len -= n) {
        n = len < WEBSOCKET_READ_MAX ? len : WEBSOCKET_READ_MAX;
        tunnel_feed(forward->tunnel, early, n);
    }
    go_on(forward);
}

/* ---- up to there: look the container up, dial, upgrade --------------------------------------- */

static void hang_up(Forward *forward)
{
    h2o_timeout_unlink(&forward->patience);
    if (forward->target != NULL)
        h2o_socket_close(forward->target);
    forward->target = NULL;
}

static void refuse_unreachable(Forward *forward, const char *why)
{
    hang_up(forward);
    httpd_answer_problem(forward->req, 502, "cannot reach %s: dial tcp %s: %s: port unreachable",
                         forward->address, forward->address, why);
}

/* strerror() in the lower case Go uses. */
static void refuse_by_errno(Forward *forward, int code)
{
    char words[128];

    snprintf(words, sizeof(words), "connect: %s", strerror(code));
    words[9] = (char)tolower((unsigned char)words[9]);
    refuse_unreachable(forward, words);
}

static void on_dial_timeout(h2o_timeout_entry_t *entry)
{
    refuse_unreachable(H2O_STRUCT_FROM_MEMBER(Forward, patience, entry), "i/o timeout");
}

static void on_connected(h2o_socket_t *sock, const char *err)
{
    Forward *forward = sock->data;
    h2o_req_t *req = forward->req;
    int code = 0;
    socklen_t len = sizeof(code);

    (void)err;
    h2o_timeout_unlink(&forward->patience);
    getsockopt(h2o_socket_get_fd(sock), SOL_SOCKET, SO_ERROR, &code, &len);
    if (code != 0) {
        refuse_by_errno(forward, code);
        return;
    }
    if (!upgrade_is_asked(req)) {
        hang_up(forward);
        upgrade_refuse(req);
        return;
    }
    forward->guard->forward = NULL;
    forward->req = NULL;
    forward->half_close = upgrade_offers(req, TUNNEL_PROTOCOL);
    upgrade_start(req, forward->half_close ? TUNNEL_PROTOCOL : NULL, on_upgraded, forward);
}

static void dial(Forward *forward, const char *ip)
{
    static h2o_timeout_t patience;
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(forward->port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(forward->port) };
    bool is6 = inet_pton(AF_INET6, ip, &in6.sin6_addr) == 1;
    const int on = 1;

    snprintf(forward->address, sizeof(forward->address), is6 ? "[%s]:%u" : "%s:%u", ip,
             forward->port);
    if (!is6 && inet_pton(AF_INET, ip, &in.sin_addr) != 1) {
        refuse_unreachable(forward, "the container has no address");
        return;
    }
    int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        refuse_by_errno(forward, errno);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    tunnel_keep_alive(fd);
    if (connect(fd, is6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
                is6 ? sizeof(in6) : sizeof(in)) < 0 &&
        errno != EINPROGRESS) {
        int code = errno;
        close(fd);
        refuse_by_errno(forward, code);
        return;
    }
    forward->target = h2o_evloop_socket_create(httpd_loop(), fd, H2O_SOCKET_FLAG_DONT_READ);
    forward->target->data = forward;
    h2o_socket_notify_write(forward->target, on_connected);
    if (patience.timeout == 0)
        h2o_timeout_init(httpd_loop(), &patience, DIAL_MAX_MS);
    forward->patience.cb = on_dial_timeout;
    h2o_timeout_link(httpd_loop(), &patience, &forward->patience);
}

static void on_found(void *arg, const char *error, const LookupContainer *found)
{
    Forward *forward = arg;

    forward->lookup = NULL;
    if (error != NULL || found == NULL || strcmp(found->state, "running") != 0)
        lookup_refuse(forward->req, forward->project, forward->service, 503, error, found);
    else
        dial(forward, found->address);
}

static void on_request_gone(void *arg)
{
    Guard *guard = arg;

    if (guard->forward != NULL)
        forward_free(guard->forward);
}

/* 0 when it is none. */
static uint16_t parse_port(const char *text)
{
    char *end;
    unsigned long port = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;

    return port > 0 && port <= UINT16_MAX && *end == '\0' ? (uint16_t)port : 0;
}

void forward_answer(const HttpdCall *call)
{
    uint16_t port = parse_port(call->segments[2]);

    if (port == 0) {
        httpd_answer_problem(call->req, 400, "invalid port: %.64s", call->segments[2]);
        return;
    }
    if (open_count >= FORWARDS_MAX) {
        httpd_answer_problem(call->req, 503, "this node carries %d connections already: close some",
                             FORWARDS_MAX);
        return;
    }
    Forward *forward = mem_alloc(sizeof(*forward));
    open_count++;
    forward->guard = h2o_mem_alloc_shared(&call->req->pool, sizeof(Guard), on_request_gone);
    forward->guard->forward = forward;
    forward->req = call->req;
    forward->project = call->segments[0];
    forward->service = call->segments[1];
    forward->port = port;
    forward->lookup = lookup_start(forward->project, forward->service, on_found, forward);
}
