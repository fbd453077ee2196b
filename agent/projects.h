/* Every project this node has to do with, and the threads that work on them: one project at a time
 * each, several side by side. */
#ifndef AGENT_PROJECTS_H
#define AGENT_PROJECTS_H

#include "desired.h"
#include "outbox.h"

#include <stddef.h>

typedef struct Projects Projects;

Projects *projects_new(const char *docker_host, Outbox *outbox);

/* An authoritative list: what is not in it is to be removed. */
void projects_apply(Projects *projects, const Assignments *assignments);

/* Names found on the engine that no assignment has: to be removed too. Only after projects_apply().
 */
void projects_add_leftovers(Projects *projects, char *const *names, size_t count);

/* Something happened to one of its containers. A start that we made ourselves is no news. */
void projects_touch(Projects *projects, const char *name, bool own_start);
void projects_touch_all(Projects *projects);

#endif
