/* Looks at the engine and fills the model. */
#ifndef AGENT_OBSERVE_H
#define AGENT_OBSERVE_H

#include "docker.h"
#include "observed.h"

/* All that carries the project's label, and its network under whatever label. */
int observe_project(Docker *docker, const char *project, Observed *ret, Err *err);

/* The projects that anything on the engine but lasting data is labelled with, as an owned array of
 * owned names. */
int observe_all_projects(Docker *docker, char ***ret_names, size_t *ret_count, Err *err);

/* One container from the engine's inspect answer (all but the digest). */
void observe_container(const json_t *inspect, Container *ret);

#endif
