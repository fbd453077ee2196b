#include "engine_claim.h"

#include "cara/mem.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SCHEME "unix://"

/* Whatever path leads to it; the end of one that is too long tells more than its beginning. The
 * name is an abstract one (unix(7)), which goes with its process. */
static socklen_t name_of(const char *path, struct sockaddr_un *ret)
{
    const size_t max = sizeof(ret->sun_path) - 1 - strlen("cara-agent:") - 1;
    size_t len = strlen(path);

    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    int n = snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "cara-agent:%s",
                     len > max ? path + len - max : path);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

int engine_claim(const char *docker_host, Err *err)
{
    char path[PATH_MAX];
    struct sockaddr_un name;

    if (strncmp(docker_host, SCHEME, strlen(SCHEME)) != 0 ||
        realpath(docker_host + strlen(SCHEME), path) == NULL)
        return 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "socket: %m");
    if (bind(fd, (const struct sockaddr *)&name, name_of(path, &name)) == 0)
        return 0; /* held until the process ends */
    int why = errno;
    close(fd);
    if (why == EADDRINUSE)
        return err_set(err, ERR_CONFLICT,
                       "another cara-agent has the engine at %s: one engine is one node, and a "
                       "second agent needs an engine (DOCKER_HOST) of its own",
                       docker_host);
    return err_set(err, ERR_SYSTEM, "bind: %s", strerror(why));
}
