/* The wake-up line that the control plane issued. A wake-up says only "look again". Whatever the
 * kind, it is waited for together with a descriptor of the caller's. */
#ifndef AGENT_CHANNEL_H
#define AGENT_CHANNEL_H

#include "cara/err.h"
#include "cara/mem.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ChannelKind {
    CHANNEL_POLL,     /* none to be had: only the slow poll */
    CHANNEL_POSTGRES, /* a connection to Postgres that LISTENs */
    CHANNEL_STREAM,   /* server-sent events of a server's */
    CHANNEL_KIND_COUNT
} ChannelKind;

/* "postgres"; the words are the wire's and the configuration's. */
const char *channel_kind_word(ChannelKind kind);
int channel_kind_parse(const char *word, ChannelKind *ret); /* -1: no such word */

typedef struct AgentChannel AgentChannel;

/* Both connect and block for a few seconds at most, whoever does not answer; for postgres what the
 * resolver takes for the host's name comes on top. Once they return, no wake-up is lost. An error
 * is never ERR_NOT_FOUND, has the status when a server answered with one, and has neither the
 * conninfo, which holds a password, nor the URL, which holds a token. */
int agent_channel_open_postgres(const char *conninfo, const char *name, AgentChannel **ret,
                                Err *err);
int agent_channel_open_stream(const char *url, AgentChannel **ret, Err *err);

void agent_channel_close(AgentChannel *channel);
DEFINE_CLEANUP(AgentChannel *, agent_channel_close);

/* Waits until the channel (NULL: none) may have something to read, fd is readable or wait_ms have
 * passed. Returns whether fd is readable. */
bool agent_channel_wait(AgentChannel *channel, int fd, int wait_ms);

/* Reads what has come, if anything; *ret_woken tells whether there was a wake-up. -1: the line is
 * dead, or was silent for longer than its keep-alives allow. */
int agent_channel_read(AgentChannel *channel, bool *ret_woken, Err *err);

/* Over how long those that lost this channel are to spread their return; 0: not told. */
int64_t agent_channel_spread_ms(const AgentChannel *channel);

#endif
