#include "listener.h"

#include "cara/log.h"
#include "cara/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_AT_ONCE                                                                             \
    16                      /* so that a flood of connections does not starve those that are there \
                             */
#define RESERVED_FILES  256 /* Postgres, listeners, logs, lingering sockets */
#define MAX_CONNECTIONS 65536
#define RETRY_MS        100

struct Listener {
    h2o_accept_ctx_t *accept_ctx;
    h2o_loop_t *loop;
    h2o_socket_t *socks[LISTENER_MAX_ADDRESSES];
    size_t count;
    size_t max_connections;
    size_t *connections; /* outlives the listener, as connections do */
    h2o_timeout_t pause;
    h2o_timeout_entry_t resume;
};

static size_t open_connections;

static void on_connection_closed(void *data)
{
    size_t *connections = data;

    --*connections;
}

static void on_acceptable(h2o_socket_t *sock, const char *error);

static void pause_accepting(Listener *listener)
{
    for (size_t i = 0; i < listener->count; i++)
        h2o_socket_read_stop(listener->socks[i]);
    if (!h2o_timeout_is_linked(&listener->resume))
        h2o_timeout_link(listener->loop, &listener->pause, &listener->resume);
}

static void resume_accepting(h2o_timeout_entry_t *entry)
{
    Listener *listener = H2O_STRUCT_FROM_MEMBER(Listener, resume, entry);

    for (size_t i = 0; i < listener->count; i++)
        h2o_socket_read_start(listener->socks[i], on_acceptable);
}

static void on_acceptable(h2o_socket_t *sock, const char *error)
{
    Listener *listener = sock->data;

    for (int i = 0; error == NULL && i < ACCEPT_AT_ONCE; i++) {
        if (*listener->connections >= listener->max_connections) {
            pause_accepting(listener);
            return;
        }
        h2o_socket_t *client = h2o_evloop_socket_accept(sock);
        if (client == NULL) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                log_warn("cannot accept connections, pausing", "error=%s", strerror(errno));
                pause_accepting(listener);
            }
            return;
        }
        ++*listener->connections;
        client->on_close.cb = on_connection_closed;
        client->on_close.data = listener->connections;
        h2o_accept(listener->accept_ctx, client);
    }
}

static int open_socket(const struct addrinfo *address)
{
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

size_t listener_connection_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return 1024 - RESERVED_FILES;
    /* root may have more than the limit it was given, others all of that */
    struct rlimit wanted = { MAX_CONNECTIONS + RESERVED_FILES, MAX_CONNECTIONS + RESERVED_FILES };
    if (files.rlim_max >= wanted.rlim_max || setrlimit(RLIMIT_NOFILE, &wanted) < 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur > MAX_CONNECTIONS + RESERVED_FILES)
        return MAX_CONNECTIONS;
    return files.rlim_cur > 2 * RESERVED_FILES ? (size_t)files.rlim_cur - RESERVED_FILES
                                               : RESERVED_FILES;
}

int listener_new(h2o_accept_ctx_t *accept_ctx, h2o_loop_t *loop, const char *host, int port,
                 Listener **ret, Err *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *addresses;
    char service[16];

    snprintf(service, sizeof(service), "%d", port);
    int failed = getaddrinfo(*host != '\0' ? host : NULL, service, &hints, &addresses);
    if (failed != 0)
        return err_set(err, ERR_SYSTEM,
                       "cannot listen on %s:%d: %s: set HOST to an address of this machine", host,
                       port, gai_strerror(failed));

    Listener *listener = mem_alloc(sizeof(*listener));
    int why = 0;
    listener->accept_ctx = accept_ctx;
    listener->loop = loop;
    listener->connections = &open_connections;
    listener->max_connections = listener_connection_limit();
    listener->resume.cb = resume_accepting;
    h2o_timeout_init(loop, &listener->pause, RETRY_MS);
    for (const struct addrinfo *a = addresses;
         a != NULL && listener->count < LISTENER_MAX_ADDRESSES; a = a->ai_next) {
        int fd = open_socket(a);
        if (fd < 0) {
            why = errno;
            continue;
        }
        h2o_socket_t *sock = h2o_evloop_socket_create(loop, fd, H2O_SOCKET_FLAG_DONT_READ);
        sock->data = listener;
        listener->socks[listener->count++] = sock;
        h2o_socket_read_start(sock, on_acceptable);
    }
    freeaddrinfo(addresses);
    if (listener->count == 0) {
        listener_free(listener);
        return err_set(err, ERR_SYSTEM, "cannot listen on %s:%d: %s%s", host, port, strerror(why),
                       why == EADDRINUSE ? ": end the other program or set PORT" : "");
    }
    *ret = listener;
    return 0;
}

void listener_free(Listener *listener)
{
    if (listener == NULL)
        return;
    for (size_t i = 0; i < listener->count; i++)
        h2o_socket_close(listener->socks[i]);
    h2o_timeout_unlink(&listener->resume);
    h2o_timeout_dispose(listener->loop, &listener->pause);
    free(listener);
}
