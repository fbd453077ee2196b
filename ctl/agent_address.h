/* Where the agent is that has a project, for commands that speak with it directly. */
#ifndef CTL_AGENT_ADDRESS_H
#define CTL_AGENT_ADDRESS_H

#include "ctl.h"

typedef struct AgentAddress {
    char node[256]; /* whose agent it is; "" when only its address is known */
    char host[256]; /* a name or an address, IPv6 without brackets */
    char port[8];
} AgentAddress;

/* Asks the server for the address of a node's agent. `node` is a node's name, or host:port, for
 * which nobody is asked. */
int agent_address_find(Ctl *ctl, const char *node, AgentAddress *ret, Err *err);

/* Splits host:port or [host]:port. */
int agent_address_parse(const char *text, AgentAddress *ret, Err *err);

/* "host:port" with brackets where they are needed; owned by the caller. */
char *agent_address_text(const AgentAddress *address);

/* The error of an agent that cannot be reached: whose it is and where, and why in a few words.
 * Returns -1. */
int agent_address_silent(const AgentAddress *address, const char *why, Err *err);

#endif
