/* The wake-up line that the control plane issued: a Postgres connection that LISTENs. A wake-up
 * says only "look again". */
#ifndef AGENT_CHANNEL_H
#define AGENT_CHANNEL_H

#include "cara/err.h"
#include "cara/mem.h"

#include <stdbool.h>

typedef struct AgentChannel AgentChannel;

/* Connects and listens; blocks for a few seconds at most. The conninfo holds a password: no error
 * has it. */
int agent_channel_open(const char *conninfo, const char *name, AgentChannel **ret, Err *err);
void agent_channel_close(AgentChannel *channel);
DEFINE_CLEANUP(AgentChannel *, agent_channel_close);

int agent_channel_fd(const AgentChannel *channel);

/* Reads what has come; *ret_woken tells whether there was a wake-up. -1: the line is dead. */
int agent_channel_read(AgentChannel *channel, bool *ret_woken, Err *err);

#endif
