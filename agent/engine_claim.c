#include "engine_claim.h"

#include "cara/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SCHEME "unix://"

/* A lock beside the engine's socket, whatever path leads there: who may not write there may not
 * take the engine from those who may. The kernel lets go of it when this process ends. */
int engine_claim(const char *docker_host, Err *err)
{
    char path[PATH_MAX];

    if (strncmp(docker_host, SCHEME, strlen(SCHEME)) != 0 ||
        realpath(docker_host + strlen(SCHEME), path) == NULL)
        return 0;
    _cleanup_(mem_freep) char *lock = mem_printf("%s" ENGINE_CLAIM_SUFFIX, path);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && (errno == EACCES || errno == EROFS))
        return 0;
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "open %s: %s", lock, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0; /* stays open */
    int why = errno;
    close(fd);
    if (why == EWOULDBLOCK)
        return err_set(err, ERR_CONFLICT,
                       "another cara-agent has the engine at %s: one engine is one node, and a "
                       "second agent needs an engine (DOCKER_HOST) of its own",
                       docker_host);
    return err_set(err, ERR_SYSTEM, "lock %s: %s", lock, strerror(why));
}
