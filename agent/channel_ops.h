/* What the kinds of channels implement: channel_postgres.c, channel_stream.c. */
#ifndef AGENT_CHANNEL_OPS_H
#define AGENT_CHANNEL_OPS_H

#include "channel.h"

typedef struct ChannelOps {
    void (*close)(AgentChannel *channel);
    bool (*wait)(AgentChannel *channel, int fd, int wait_ms);
    int (*read)(AgentChannel *channel, bool *ret_woken, Err *err);
    int64_t (*spread_ms)(const AgentChannel *channel); /* NULL: never told */
} ChannelOps;

/* The first member of each kind's own struct. */
struct AgentChannel {
    const ChannelOps *ops;
};

#endif
