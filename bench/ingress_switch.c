/* Switches one route of the agent's ingress from backend to backend, each a listener of its own
 * that is closed with all its connections once the proxy has left it: a request that was still on
 * its way there fails. Begins when a line comes on standard input; prints how many switches there
 * were and how long they took, and serves on until it is ended.
 *
 *   switch ADDRESS:PORT COUNT */
#include "cara/time.h"
#include "ingress.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define HEAD_END        "\r\n\r\n"

typedef struct Backend {
    int listener;
    int port;
    volatile bool ends;
    pthread_t thread;
} Backend;

static char answer[1200];

/* Reads what is there and answers each request that ends in it. -1 at the end. */
static int serve(int fd)
{
    char data[4096];
    ssize_t n = recv(fd, data, sizeof(data) - 1, 0);

    if (n <= 0)
        return -1;
    data[n] = '\0';
    for (const char *p = strstr(data, HEAD_END); p != NULL; p = strstr(p + 4, HEAD_END))
        if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
            return -1;
    return 0;
}

static void *backend_thread(void *arg)
{
    Backend *backend = arg;
    struct pollfd fds[1 + CONNECTIONS_MAX] = { { .fd = backend->listener, .events = POLLIN } };
    nfds_t count = 1;

    while (!backend->ends) {
        if (poll(fds, count, 10) <= 0)
            continue;
        for (nfds_t i = count; i-- > 1;) {
            if (fds[i].revents != 0 && serve(fds[i].fd) < 0) {
                close(fds[i].fd);
                fds[i] = fds[--count];
            }
        }
        if (fds[0].revents != 0 && count < 1 + CONNECTIONS_MAX)
            fds[count++] =
                (struct pollfd){ .fd = accept(backend->listener, NULL, NULL), .events = POLLIN };
    }
    for (nfds_t i = 0; i < count; i++)
        close(fds[i].fd);
    return NULL;
}

static int backend_start(Backend *backend)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);

    *backend = (Backend){ .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    if (bind(backend->listener, (struct sockaddr *)&address, len) < 0 ||
        listen(backend->listener, 1024) < 0 ||
        getsockname(backend->listener, (struct sockaddr *)&address, &len) < 0)
        return -1;
    backend->port = ntohs(address.sin_port);
    return pthread_create(&backend->thread, NULL, backend_thread, backend);
}

static void backend_end(Backend *backend)
{
    backend->ends = true;
    pthread_join(backend->thread, NULL);
}

/* Nobody is to be told that it listens. */
static void tell_nobody(void *arg)
{
    (void)arg;
}

int main(int argc, char **argv)
{
    static Backend backends[2];
    int count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    Settings settings = { .server_url = "http://127.0.0.1:1",
                          .node_name = "bench",
                          .proxy_listen_addr = argc > 1 ? argv[1] : "",
                          .proxy_timeout_ms = 10000 };
    Ingress *ingress;
    Err err = { 0 };

    signal(SIGPIPE, SIG_IGN);
    snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n%01024d", 0);
    if (ingress_new(&settings, &ingress, &err) < 0 ||
        ingress_start(ingress, tell_nobody, NULL) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int64_t began = 0;
    for (int i = 0; i <= count; i++) {
        IngressRoute route = {
            .host = "127.0.0.1", .path = "/", .project = "bench", .service = "main", .ready = true
        };
        if (backend_start(&backends[i % 2]) != 0 ||
            !address_parse("127.0.0.1", backends[i % 2].port, &route.address))
            return 1;
        ingress_publish(ingress, "bench", &route, 1);
        if (i > 0)
            backend_end(&backends[(i + 1) % 2]);
        else
            began = (getchar(), time_monotonic_ms());
        usleep(2000);
    }
    printf("%d switches in %" PRId64 " ms\n", count, time_monotonic_ms() - began);
    fflush(stdout);
    pause();
    return 0;
}
