#include "channel.h"

#include "channel_ops.h"

#include <poll.h>
#include <string.h>

static const char *const words[CHANNEL_KIND_COUNT] = {
    [CHANNEL_POLL] = "poll", [CHANNEL_POSTGRES] = "postgres", [CHANNEL_STREAM] = "stream"
};

const char *channel_kind_word(ChannelKind kind)
{
    return words[kind];
}

int channel_kind_parse(const char *word, ChannelKind *ret)
{
    for (int i = 0; i < CHANNEL_KIND_COUNT; i++) {
        if (strcmp(word, words[i]) == 0) {
            *ret = (ChannelKind)i;
            return 0;
        }
    }
    return -1;
}

void agent_channel_close(AgentChannel *channel)
{
    if (channel != NULL)
        channel->ops->close(channel);
}

bool agent_channel_wait(AgentChannel *channel, int fd, int wait_ms)
{
    struct pollfd alone = { .fd = fd, .events = POLLIN };

    if (channel != NULL)
        return channel->ops->wait(channel, fd, wait_ms);
    return poll(&alone, 1, wait_ms) > 0;
}

int agent_channel_read(AgentChannel *channel, bool *ret_woken, Err *err)
{
    return channel->ops->read(channel, ret_woken, err);
}

int64_t agent_channel_spread_ms(const AgentChannel *channel)
{
    return channel->ops->spread_ms != NULL ? channel->ops->spread_ms(channel) : 0;
}
