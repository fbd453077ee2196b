/* What logs, exec and port-forward act on: a service of a project, through the agent that has it.
 */
#ifndef CTL_TARGET_H
#define CTL_TARGET_H

#include "agent_address.h"

#include <jansson.h>

/* Splits "web/app", or "project/web/app", into project and service; both are owned by the caller.
 */
int target_split(const char *target, char **ret_project, char **ret_service, Err *err);

/* Asks the server where the project is. `service` is NULL for all of them; one that the project
 * does not have is an error that names those it has. `node` is the value of --node or NULL: a
 * node's name, or host:port, for which nobody is asked. *ret is the project, owned by the caller,
 * or NULL when nobody was asked. */
int target_find(Ctl *ctl, const char *project, const char *service, const char *node,
                AgentAddress *ret_agent, json_t **ret, Err *err);

/* The last part of it, of a project that is known. */
int target_find_agent(Ctl *ctl, const json_t *project, const char *node, AgentAddress *ret,
                      Err *err);

/* Fails when the agent says that the container of the service does not run. */
int target_check_runs(const json_t *project, const char *service, Err *err);

#endif
