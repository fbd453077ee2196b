/* Where the agent is that has a project, for commands that speak with it directly. */
#ifndef CTL_AGENT_ADDRESS_H
#define CTL_AGENT_ADDRESS_H

#include "ctl.h"

typedef struct AgentAddress {
    char host[256]; /* a name or an address, IPv6 without brackets */
    char port[8];
} AgentAddress;

/* Asks the server for the node of the project and its address. `node` is the value of --node or
 * NULL: a node's name, or host:port, for which nobody is asked. */
int agent_address_find(Ctl *ctl, const char *project, const char *node, AgentAddress *ret,
                       Err *err);

/* Splits host:port or [host]:port. */
int agent_address_parse(const char *text, AgentAddress *ret, Err *err);

/* "host:port" with brackets where they are needed; owned by the caller. */
char *agent_address_text(const AgentAddress *address);

/* Splits "project/service" at the first slash; both are owned by the caller. */
int agent_address_split_target(const char *target, char **ret_project, char **ret_service,
                               Err *err);

#endif
