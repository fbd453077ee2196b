#include "httpd.h"

#include "httpd_call.h"
#include "listen.h"

#include <errno.h>
#include <signal.h>
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

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    httpd_dispatch(req);
    return 0;
}

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
    int fd = listen_open(host, port);

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

h2o_loop_t *httpd_loop(void)
{
    return httpd.context.loop;
}

h2o_multithread_receiver_t *httpd_resolver(void)
{
    return &httpd.context.receivers.hostinfo_getaddr;
}

int httpd_run(void)
{
    while (httpd.caught == 0)
        h2o_evloop_run(httpd.context.loop, INT32_MAX);
    return httpd.caught;
}
