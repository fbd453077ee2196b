#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

int listen_open(const char *host, int port)
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
