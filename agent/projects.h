/* Every project this node has to do with, and the threads that work on them: one project at a time
 * each, several side by side. */
#ifndef AGENT_PROJECTS_H
#define AGENT_PROJECTS_H

#include "deaths.h"
#include "desired.h"
#include "ingress.h"
#include "outbox.h"

#include <stddef.h>

#define HOLD_MAX_MS 60000

typedef struct Projects Projects;

/* ingress: NULL without a proxy */
Projects *projects_new(const char *docker_host, Outbox *outbox, Deaths *deaths, Ingress *ingress);

/* An authoritative list: what is not in it is to be removed. */
void projects_apply(Projects *projects, const Assignments *assignments);

/* An authoritative answer: the list is as it was applied last. */
void projects_confirm(Projects *projects);

/* This node was out of touch, and what it has may run elsewhere by now. Nothing is started until a
 * list has come, leftovers were looked for, and what must go was tried once to be removed; or until
 * HOLD_MAX_MS have passed, as a removal that hangs must not keep a node from its work. So it is
 * when the agent starts. */
void projects_returned(Projects *projects);

/* Names found on the engine that no assignment has: to be removed too. Only after projects_apply().
 */
void projects_add_leftovers(Projects *projects, char *const *names, size_t count);

/* Something happened to one of its containers. A start that we made ourselves is no news. */
void projects_touch(Projects *projects, const char *name, bool own_start);

/* The engine is there (again): all is looked at, first what must go. */
void projects_touch_all(Projects *projects);

#endif
