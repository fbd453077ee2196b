/* Looks for what carries our labels but is in no assignment. */
#ifndef AGENT_SWEEP_H
#define AGENT_SWEEP_H

#include "projects.h"

/* In a thread of its own, so that an engine that hangs holds up nobody; one at a time. Only after
 * an authoritative list was applied. */
void sweep_start(const char *docker_host, Projects *projects);

#endif
