#include "forwarder.h"

#include "cara/time.h"
#include "cara/tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 2048 /* past it the next ones wait in the listeners' queues */
#define EVENTS_AT_ONCE  64

typedef struct Connection Connection;

/* A descriptor that epoll watches. */
typedef struct Watch {
    int fd;
    uint32_t events; /* 0: not registered */
    void (*ready)(Forwarder *forwarder, struct Watch *watch, uint32_t events);
    void *owner;
} Watch;

typedef struct Listener {
    Watch watch;
    const DialPlace *place;
    struct Listener *next;
} Listener;

struct Connection {
    Watch local;
    Watch agent;
    Dial *dial;     /* owned, while there is no tunnel */
    Tunnel *tunnel; /* owned */
    char peer[64];
    bool dead;
    Connection *next, *previous;
};

struct Forwarder {
    int epoll;
    Watch signals;
    Listener *listeners;     /* owned */
    Connection *connections; /* owned */
    Connection *dead;        /* owned; freed when no event can name them any more */
    size_t count;
    bool done;
};

/* ---- epoll ----------------------------------------------------------------------------------- */

static void watch_set(Forwarder *forwarder, Watch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    if (watch->events == events || watch->fd < 0)
        return;
    epoll_ctl(forwarder->epoll,
              events == 0          ? EPOLL_CTL_DEL
              : watch->events == 0 ? EPOLL_CTL_ADD
                                   : EPOLL_CTL_MOD,
              watch->fd, &event);
    watch->events = events;
}

static void accept_or_wait(Forwarder *forwarder)
{
    for (Listener *l = forwarder->listeners; l != NULL; l = l->next)
        watch_set(forwarder, &l->watch, forwarder->count < CONNECTIONS_MAX ? EPOLLIN : 0);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void connection_close(Forwarder *forwarder, Connection *connection)
{
    if (connection->dead)
        return;
    connection->dead = true;
    watch_set(forwarder, &connection->agent, 0);
    watch_set(forwarder, &connection->local, 0);
    if (connection->tunnel != NULL)
        fprintf(stderr, "Connection from %s closed\n", connection->peer);
    tunnel_free(TAKE_PTR(connection->tunnel));
    if (connection->dial != NULL)
        dial_free(TAKE_PTR(connection->dial)); /* closes its descriptor */
    else if (connection->agent.fd >= 0)
        close(connection->agent.fd);
    close(connection->local.fd);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        forwarder->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    connection->next = forwarder->dead;
    forwarder->dead = connection;
    forwarder->count--;
    accept_or_wait(forwarder);
}

static void bury_dead(Forwarder *forwarder)
{
    for (Connection *next; forwarder->dead != NULL; forwarder->dead = next) {
        next = forwarder->dead->next;
        free(forwarder->dead);
    }
}

static void tunnel_go_on(Forwarder *forwarder, Connection *connection)
{
    unsigned wants = tunnel_wants(connection->tunnel);

    if (wants == 0) {
        connection_close(forwarder, connection);
        return;
    }
    watch_set(forwarder, &connection->agent,
              (wants & TUNNEL_WS_READ ? EPOLLIN : 0u) | (wants & TUNNEL_WS_WRITE ? EPOLLOUT : 0u));
    watch_set(forwarder, &connection->local,
              (wants & TUNNEL_FD_READ ? EPOLLIN : 0u) | (wants & TUNNEL_FD_WRITE ? EPOLLOUT : 0u));
}

static void start_tunnel(Forwarder *forwarder, Connection *connection)
{
    _cleanup_(dial_freep) Dial *dial = TAKE_PTR(connection->dial);
    bool half_close;
    const char *early;
    size_t len;
    int fd = dial_take(dial, &half_close, &early, &len);

    fprintf(stderr, "Handling connection for %s\n", connection->peer);
    connection->tunnel = tunnel_new(fd, connection->local.fd, false, half_close);
    if (len > 0)
        tunnel_feed(connection->tunnel, early, len);
    tunnel_go_on(forwarder, connection);
}

static void dial_go_on(Forwarder *forwarder, Connection *connection)
{
    Err err = { 0 };

    watch_set(forwarder, &connection->agent, 0); /* the next address has another descriptor */
    int done = dial_ready(connection->dial, &err);
    connection->agent.fd = dial_fd(connection->dial);
    if (done < 0) {
        ctl_print_error(err.message);
        connection_close(forwarder, connection);
    } else if (done > 0) {
        start_tunnel(forwarder, connection);
    } else {
        watch_set(forwarder, &connection->agent,
                  dial_events(connection->dial) == POLLIN ? EPOLLIN : EPOLLOUT);
    }
}

static void on_agent_ready(Forwarder *forwarder, Watch *watch, uint32_t events)
{
    Connection *connection = watch->owner;

    if (connection->dead)
        return;
    if (connection->tunnel == NULL) {
        dial_go_on(forwarder, connection);
        return;
    }
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    tunnel_ready(connection->tunnel, (events & EPOLLIN || broken ? TUNNEL_WS_READ : 0u) |
                                         (events & EPOLLOUT || broken ? TUNNEL_WS_WRITE : 0u));
    tunnel_go_on(forwarder, connection);
}

static void on_local_ready(Forwarder *forwarder, Watch *watch, uint32_t events)
{
    Connection *connection = watch->owner;
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;

    if (connection->dead)
        return;
    tunnel_ready(connection->tunnel, (events & EPOLLIN || broken ? TUNNEL_FD_READ : 0u) |
                                         (events & EPOLLOUT || broken ? TUNNEL_FD_WRITE : 0u));
    tunnel_go_on(forwarder, connection);
}

/* ---- listeners ------------------------------------------------------------------------------- */

static void format_address(const struct sockaddr_storage *address, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "?";

    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
        snprintf(out, size, "[%s]:%u", text, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
        snprintf(out, size, "%s:%u", text, ntohs(in->sin_port));
    }
}

static void on_connection(Forwarder *forwarder, Watch *watch, uint32_t events)
{
    Listener *listener = watch->owner;
    struct sockaddr_storage peer = { 0 };
    socklen_t len = sizeof(peer);
    const int on = 1;

    (void)events;
    int fd = accept4(watch->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Connection *connection = mem_alloc(sizeof(*connection));
    connection->local = (Watch){ .fd = fd, .ready = on_local_ready, .owner = connection };
    connection->agent = (Watch){ .fd = -1, .ready = on_agent_ready, .owner = connection };
    connection->dial = dial_new(listener->place);
    format_address(&peer, connection->peer, sizeof(connection->peer));
    connection->next = forwarder->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    forwarder->connections = connection;
    forwarder->count++;
    accept_or_wait(forwarder);
    dial_go_on(forwarder, connection);
}

int forwarder_listen(Forwarder *forwarder, const char *address, uint16_t port,
                     const DialPlace *place, char **ret_address, Err *err)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    bool is6 = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
    struct sockaddr_storage bound = { 0 };
    socklen_t len = sizeof(bound);
    const int on = 1;
    char text[64];

    if (!is6 && inet_pton(AF_INET, address, &in.sin_addr) != 1)
        return err_set(err, ERR_INVALID,
                       "invalid --address \"%.64s\": expected an IP address or localhost", address);
    int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (is6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (fd < 0 ||
        bind(fd, is6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
             is6 ? sizeof(in6) : sizeof(in)) < 0 ||
        listen(fd, SOMAXCONN) < 0) {
        _cleanup_(mem_freep) char *words = mem_strdup(strerror(errno));
        words[0] = (char)(words[0] | 0x20);
        if (fd >= 0)
            close(fd);
        return err_set(err, ERR_SYSTEM, "listen on port %u: listen tcp %s%s%s:%u: bind: %s", port,
                       is6 ? "[" : "", address, is6 ? "]" : "", port, words);
    }
    getsockname(fd, (struct sockaddr *)&bound, &len);
    format_address(&bound, text, sizeof(text));
    Listener *listener = mem_alloc(sizeof(*listener));
    listener->watch = (Watch){ .fd = fd, .ready = on_connection, .owner = listener };
    listener->place = place;
    listener->next = forwarder->listeners;
    forwarder->listeners = listener;
    *ret_address = mem_strdup(text);
    return 0;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void on_signal(Forwarder *forwarder, Watch *watch, uint32_t events)
{
    (void)watch;
    (void)events;
    forwarder->done = true;
}

/* Two descriptors a connection: the usual soft limit of 1024 would end at 500. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int forwarder_new(Forwarder **ret, Err *err)
{
    Forwarder *forwarder = mem_alloc(sizeof(*forwarder));
    sigset_t set;

    raise_descriptor_limit();
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    forwarder->epoll = epoll_create1(EPOLL_CLOEXEC);
    forwarder->signals = (Watch){ .fd = signalfd(-1, &set, SFD_CLOEXEC), .ready = on_signal };
    if (forwarder->epoll < 0 || forwarder->signals.fd < 0) {
        err_set(err, ERR_SYSTEM, "cannot wait for connections: %s", strerror(errno));
        forwarder_free(forwarder);
        return -1;
    }
    watch_set(forwarder, &forwarder->signals, EPOLLIN);
    *ret = forwarder;
    return 0;
}

void forwarder_free(Forwarder *forwarder)
{
    if (forwarder == NULL)
        return;
    while (forwarder->connections != NULL)
        connection_close(forwarder, forwarder->connections);
    bury_dead(forwarder);
    for (Listener *next; forwarder->listeners != NULL; forwarder->listeners = next) {
        next = forwarder->listeners->next;
        close(forwarder->listeners->watch.fd);
        free(forwarder->listeners);
    }
    close(forwarder->signals.fd);
    close(forwarder->epoll);
    free(forwarder);
}

/* How long until a dial has taken too long; -1 for ever. */
static int next_timeout(const Forwarder *forwarder)
{
    int64_t first = INT64_MAX;

    for (const Connection *c = forwarder->connections; c != NULL; c = c->next)
        if (c->dial != NULL && dial_deadline(c->dial) < first)
            first = dial_deadline(c->dial);
    int64_t left = first - time_monotonic_ms();
    return first == INT64_MAX ? -1 : left > 0 ? (int)left : 0;
}

static void check_deadlines(Forwarder *forwarder)
{
    int64_t now = time_monotonic_ms();

    for (Connection *c = forwarder->connections, *next; c != NULL; c = next) {
        next = c->next;
        if (c->dial != NULL && dial_deadline(c->dial) <= now)
            dial_go_on(forwarder, c);
    }
}

int forwarder_run(Forwarder *forwarder, Err *err)
{
    struct epoll_event events[EVENTS_AT_ONCE];

    accept_or_wait(forwarder);
    while (!forwarder->done) {
        int count = epoll_wait(forwarder->epoll, events, EVENTS_AT_ONCE, next_timeout(forwarder));
        if (count < 0 && errno != EINTR)
            return err_set(err, ERR_SYSTEM, "wait for connections: %s", strerror(errno));
        for (int i = 0; i < count; i++) {
            Watch *watch = events[i].data.ptr;
            watch->ready(forwarder, watch, events[i].events);
        }
        check_deadlines(forwarder);
        bury_dead(forwarder);
    }
    return 0;
}
