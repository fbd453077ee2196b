/* What a service asks of its machine, in the engine's words: resources and ports. */
#ifndef AGENT_DEMAND_H
#define AGENT_DEMAND_H

#include "cara/err.h"

#include <jansson.h>
#include <stdbool.h>

/* resources.limits and requests into a HostConfig. Requests default to the limits, as they do for
 * the scheduler. */
int demand_resources(const json_t *service, json_t *host, Err *err);

/* ports into a create body and its HostConfig. */
void demand_ports(const json_t *service, json_t *body, json_t *host);

/* Such a port is one container's at a time. */
bool demand_has_host_port(const json_t *service);

/* Brings a HostConfig, as it is to be created, within what an engine on `cpus` cores accepts: a
 * limit that the machine cannot exceed anyway is one it would refuse. */
void demand_fit(json_t *host, int cpus);

#endif
