#include "cara/tunnel.h"

#include "cara/backlog.h"
#include "cara/websocket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX          (32 * 1024) /* one message */
#define PENDING_MAX       (64 * 1024) /* towards the WebSocket; past it the plain side is not read */
#define STUCK_MS          30000 /* the peer of a side that only drains may stand still so long */
#define IDLE_BEFORE_PROBE 30    /* seconds */
#define PROBE_INTERVAL    10
#define PROBES            6

#define CODE_NORMAL      1000
#define CODE_UNSUPPORTED 1003
#define CODE_BROKEN      1011

typedef enum Stage {
    STAGE_OPEN,
    STAGE_DRAIN,  /* the WebSocket is through: what came of it is still being written */
    STAGE_LINGER, /* the plain side is through: the last is sent, and the peer closes */
    STAGE_OVER,
} Stage;

struct Tunnel {
    WebSocket *ws; /* owned */
    int ws_fd;
    int fd;
    bool server;
    bool half_close;
    Stage stage;
    bool fd_ended;   /* no more bytes come from the plain side */
    bool fd_broken;  /* it takes none either: what still comes for it is dropped */
    bool peer_ended; /* no more bytes come from the peer */
    bool fd_shut;    /* and the plain side was told */
    bool closing;    /* all is said: what waits for the WebSocket is the last of it */
    bool ws_shut;    /* and has left */
    Backlog back;    /* from the WebSocket to the plain side; at most one read of it */
};

/* ---- what comes out of the WebSocket --------------------------------------------------------- */

static void on_data(void *arg, const uint8_t *data, size_t len, bool starts)
{
    Tunnel *t = arg;

    (void)starts;
    if (!t->peer_ended && !t->fd_broken && t->stage == STAGE_OPEN)
        backlog_add(&t->back, data, len);
}

static void on_text(void *arg, const char *text, size_t len)
{
    Tunnel *t = arg;

    if (len == 3 && memcmp(text, "eof", 3) == 0)
        t->peer_ended = true;
    else
        websocket_send_close(t->ws, CODE_UNSUPPORTED, "not a word of this protocol");
}

static const WebSocketEvents plain_events = { .on_data = on_data };
static const WebSocketEvents half_close_events = { .on_data = on_data, .on_text = on_text };

/* ---- moving bytes ---------------------------------------------------------------------------- */

static void read_fd(Tunnel *t)
{
    char data[READ_MAX];

    while (websocket_pending(t->ws) < PENDING_MAX) {
        ssize_t n = recv(t->fd, data, sizeof(data), 0);
        if (n <= 0) {
            if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
            t->fd_ended = true;
            t->fd_broken |= n < 0;
            if (t->half_close && !t->fd_broken)
                websocket_send_text(t->ws, "eof", 3);
            return;
        }
        websocket_send(t->ws, data, (size_t)n);
        if ((size_t)n < sizeof(data))
            return; /* that was all for now */
    }
}

/* A side that takes no more may still have something to say: reading finds its end. */
static void write_fd(Tunnel *t)
{
    if (backlog_flush(&t->back, t->fd) < 0) {
        backlog_drop(&t->back);
        t->fd_broken = true;
    }
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* Closing at once would lose the last frame if the peer's bytes are still coming in. */
static void finish(Tunnel *t)
{
    bool lingers = t->server && websocket_state(t->ws) != WEBSOCKET_GONE;

    t->stage = lingers ? STAGE_LINGER : STAGE_OVER;
}

/* To TCP, connecting with nobody means: reset what there is. */
static void reset(Tunnel *t)
{
    const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

    if (connect(t->fd, &nobody, sizeof(nobody)) < 0)
        shutdown(t->fd, SHUT_RDWR);
    backlog_drop(&t->back);
    finish(t);
}

/* The WebSocket has ended: what that means for the plain side. */
static void end_of_peer(Tunnel *t)
{
    const int ms = STUCK_MS;
    bool gone = websocket_state(t->ws) == WEBSOCKET_GONE;

    if (t->closing) {
        finish(t); /* the last of it is on its way, or was for nobody */
    } else if (t->half_close && (gone || websocket_close_code(t->ws) != CODE_NORMAL)) {
        reset(t);
    } else {
        setsockopt(t->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
        t->stage = STAGE_DRAIN;
    }
}

/* Is all said that there is to say to the peer? Then it learns how it ended. */
static void close_if_through(Tunnel *t)
{
    if (t->closing || !t->fd_ended)
        return;
    if (t->fd_broken && t->half_close)
        websocket_send_close(t->ws, CODE_BROKEN, "the connection was reset");
    else if (t->half_close && !(t->server && t->peer_ended))
        return;
    else if (t->half_close)
        websocket_send_close(t->ws, CODE_NORMAL, NULL);
    t->closing = true;
    websocket_write(t->ws);
}

/* From how things are to what follows, without waiting. */
static void settle(Tunnel *t)
{
    if (t->stage == STAGE_OPEN && websocket_state(t->ws) != WEBSOCKET_OPEN)
        end_of_peer(t);
    if (t->stage == STAGE_DRAIN && backlog_len(&t->back) == 0)
        finish(t);
    if (t->stage == STAGE_OPEN && backlog_len(&t->back) == 0) {
        if (t->peer_ended && !t->fd_shut) {
            shutdown(t->fd, SHUT_WR);
            t->fd_shut = true;
        }
        close_if_through(t);
        if (t->closing)
            t->stage = STAGE_LINGER;
    }
    if (t->stage != STAGE_LINGER)
        return;
    if (websocket_state(t->ws) == WEBSOCKET_GONE) {
        t->stage = STAGE_OVER;
    } else if (websocket_pending(t->ws) == 0 && !t->ws_shut) {
        shutdown(t->ws_fd, SHUT_WR);
        t->ws_shut = true;
    }
}

/* ---- the outside ----------------------------------------------------------------------------- */

Tunnel *tunnel_new(int ws_fd, int fd, bool server, bool half_close)
{
    Tunnel *t = mem_alloc(sizeof(*t));

    t->ws = websocket_new(ws_fd, server, half_close ? &half_close_events : &plain_events, t);
    t->ws_fd = ws_fd;
    t->fd = fd;
    t->server = server;
    t->half_close = half_close;
    return t;
}

void tunnel_free(Tunnel *tunnel)
{
    if (tunnel == NULL)
        return;
    websocket_free(tunnel->ws);
    backlog_drop(&tunnel->back);
    free(tunnel);
}

void tunnel_feed(Tunnel *tunnel, const void *data, size_t len)
{
    websocket_feed(tunnel->ws, data, len);
    write_fd(tunnel);
    websocket_write(tunnel->ws);
    settle(tunnel);
}

unsigned tunnel_wants(const Tunnel *t)
{
    size_t pending = websocket_pending(t->ws);
    unsigned wants = 0;

    if (t->stage == STAGE_DRAIN)
        return TUNNEL_FD_WRITE;
    if (t->stage == STAGE_OVER)
        return 0;
    if (pending > 0)
        wants |= TUNNEL_WS_WRITE;
    if (t->stage == STAGE_LINGER)
        return wants | TUNNEL_WS_READ;
    if (pending == 0 && !t->fd_ended)
        wants |= TUNNEL_FD_READ;
    if (backlog_len(&t->back) > 0)
        wants |= TUNNEL_FD_WRITE;
    else if (pending < PENDING_MAX) /* else it does not even take our pongs */
        wants |= TUNNEL_WS_READ;
    return wants;
}

void tunnel_ready(Tunnel *t, unsigned events)
{
    events &= tunnel_wants(t);
    if (events & TUNNEL_WS_READ) {
        websocket_read(t->ws);
        write_fd(t);
    }
    if (events & TUNNEL_FD_WRITE)
        write_fd(t);
    if (events & TUNNEL_FD_READ)
        read_fd(t);
    websocket_write(t->ws);
    settle(t);
}

void tunnel_keep_alive(int fd)
{
    const int on = 1;
    const int idle = IDLE_BEFORE_PROBE;
    const int interval = PROBE_INTERVAL;
    const int probes = PROBES;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}
