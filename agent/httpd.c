#include "httpd.h"

#include "cara/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <h2o.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define BODY_MAX (64 * 1024)

static struct {
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener;
    int caught;
} httpd;

/* ---- routes
 * -------------------------------------------------------------------------------------------- */

static int send_text(h2o_req_t *req, int status, const char *reason, const char *text)
{
    req->res.status = status;
    req->res.reason = reason;
    req->res.content_length = strlen(text);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("text/plain; charset=utf-8"));
    h2o_send_inline(req, text, strlen(text));
    return 0;
}

static int get_healthz(h2o_req_t *req)
{
    return send_text(req, 200, "OK", "OK");
}

static const struct {
    const char *method;
    const char *path;
    int (*answer)(h2o_req_t *req);
} routes[] = {
    { "GET", "/healthz", get_healthz },
};

static bool is(h2o_iovec_t text, const char *word)
{
    return h2o_memis(text.base, text.len, word, strlen(word));
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!is(req->path_normalized, routes[i].path))
            continue;
        if (is(req->method, routes[i].method) ||
            (is(req->method, "HEAD") && strcmp(routes[i].method, "GET") == 0))
            return routes[i].answer(req);
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ALLOW, NULL,
                       H2O_STRLIT("GET, HEAD"));
        return send_text(req, 405, "Method Not Allowed", "Method Not Allowed\n");
    }
    return send_text(req, 404, "Not Found", "404 page not found\n");
}

/* ---- the loop
 * ------------------------------------------------------------------------------------------- */

static void on_accept(h2o_socket_t *listener, const char *err)
{
    h2o_socket_t *sock;

    if (err == NULL && (sock = h2o_evloop_socket_accept(listener)) != NULL)
        h2o_accept(&httpd.accept, sock);
}

static void on_signal(h2o_socket_t *sock, const char *err)
{
    struct signalfd_siginfo info;

    (void)err;
    if (read(h2o_socket_get_fd(sock), &info, sizeof(info)) == (ssize_t)sizeof(info))
        httpd.caught = (int)info.ssi_signo;
}

static int open_listener(const char *host, int port)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    bool is6 = inet_pton(AF_INET6, host, &in6.sin6_addr) == 1;
    const int on = 1;

    if (!is6 && inet_pton(AF_INET, host, &in.sin_addr) != 1)
        return errno = EINVAL, -1;
    int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, is6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
             is6 ? sizeof(in6) : sizeof(in)) < 0 ||
        listen(fd, SOMAXCONN) < 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static void watch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    h2o_socket_t *sock =
        h2o_evloop_socket_create(httpd.context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(sock, on_signal);
}

int httpd_listen(const char *host, int port, Err *err)
{
    int fd = open_listener(host, port);

    if (fd < 0)
        return err_set(err, ERR_SYSTEM,
                       "listen on %s:%d: %s: set AGENT_LISTEN_PORT or --agent-port to a free port",
                       host, port, strerror(errno));
    h2o_config_init(&httpd.config);
    httpd.config.http1.upgrade_to_http2 = 0; /* this libh2o predates the rapid-reset fix */
    httpd.config.max_request_entity_size = BODY_MAX;
    httpd.config.server_name = h2o_iovec_init(H2O_STRLIT("cara-agent"));
    h2o_hostconf_t *host_config =
        h2o_config_register_host(&httpd.config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host_config, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_request;
    h2o_context_init(&httpd.context, h2o_evloop_create(), &httpd.config);
    httpd.accept.ctx = &httpd.context;
    httpd.accept.hosts = httpd.config.hosts;
    httpd.listener = h2o_evloop_socket_create(httpd.context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(httpd.listener, on_accept);
    watch_signals();
    return 0;
}

int httpd_run(void)
{
    while (httpd.caught == 0)
        h2o_evloop_run(httpd.context.loop, INT32_MAX);
    return httpd.caught;
}
