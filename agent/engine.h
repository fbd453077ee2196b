/* The thread that follows the engine: whether it is there, and what happens to containers. */
#ifndef AGENT_ENGINE_H
#define AGENT_ENGINE_H

#include "projects.h"

#include <stdbool.h>

#define ENGINE_GRACE_MS 15000 /* away for so long and the node is NotReady */

typedef struct Engine Engine;

/* wake is called whenever the engine comes or goes. Looks once before it returns. */
Engine *engine_new(const char *docker_host, Projects *projects, void (*wake)(void *arg), void *arg);
int engine_start(Engine *engine);

/* Whether containers can be run here; *ret_recheck_ms tells when to ask again if nothing wakes (-1:
 * never). */
bool engine_is_ready(Engine *engine, int *ret_recheck_ms);

typedef struct EngineFacts {
    char version[64];     /* "20.10.24", or "" while it was never seen */
    char data_root[1024]; /* "" when it did not say */
    int arrivals;         /* rises when the engine has come back */
} EngineFacts;

void engine_facts(Engine *engine, EngineFacts *ret);
int engine_arrivals(Engine *engine);

#endif
