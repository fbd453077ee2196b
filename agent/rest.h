/* The requests the agent makes of cara-server. Errors are ERR_NOT_FOUND when the server does not
 * know this node, ERR_UNAVAILABLE when it cannot be reached or cannot serve now, else ERR_HTTP. */
#ifndef AGENT_REST_H
#define AGENT_REST_H

#include "cara/err.h"
#include "channel.h"
#include "deaths.h"
#include "desired.h"
#include "outbox.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Rest Rest;

/* How often the server wants to hear of us; 0 where it did not say. */
typedef struct Paces {
    int64_t poll_ms;
    int64_t heartbeat_ms;
} Paces;

typedef struct ChannelOffer {
    ChannelKind kind;
    char *conninfo; /* of kind postgres; holds a password */
    char *channel;
    char *url; /* of kind stream, absolute; holds a token */
    Paces paces;
} ChannelOffer;

int rest_new(const char *server_url, const char *node, Rest **ret, Err *err);

int rest_register(Rest *rest, Err *err); /* known already is as good */

/* body NULL: nothing new. The server answers with paces only when they changed. */
int rest_heartbeat(Rest *rest, const json_t *body, Paces *ret, Err *err);

/* kind NULL: the server picks. */
int rest_channel(Rest *rest, const char *kind, ChannelOffer *ret, Err *err);

/* *ret_changed false: all is as the last list said that was parsed, and *ret is empty. */
int rest_assignments(Rest *rest, Assignments *ret, bool *ret_changed, Err *err);

/* Delivers a batch, and deaths that wait. What the server refuses for good is marked so in the
 * outbox; *ret_stale tells that it knows better than we what is assigned (409). */
int rest_report(Rest *rest, const OutboxBatch *batch, Outbox *outbox, Deaths *deaths,
                bool *ret_stale, Err *err);

/* How long the server asked to be left alone when it refused the last call; 0: not at all. */
int64_t rest_retry_after_ms(const Rest *rest);

void channel_offer_done(ChannelOffer *offer);

#endif
