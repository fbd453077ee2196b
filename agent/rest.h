/* The requests the agent makes of cara-server. Errors are ERR_NOT_FOUND when the server does not
 * know this node, ERR_UNAVAILABLE when it cannot be reached or cannot serve now, else ERR_HTTP. */
#ifndef AGENT_REST_H
#define AGENT_REST_H

#include "cara/err.h"
#include "deaths.h"
#include "desired.h"
#include "outbox.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Rest Rest;

typedef struct ChannelOffer {
    char *conninfo; /* NULL: none to be had, only the slow poll. Holds a password. */
    char *channel;
    int64_t poll_ms;
    int64_t heartbeat_ms;
} ChannelOffer;

int rest_new(const char *server_url, const char *node, Rest **ret, Err *err);

int rest_register(Rest *rest, Err *err);                      /* known already is as good */
int rest_heartbeat(Rest *rest, const json_t *body, Err *err); /* NULL: nothing new */
int rest_channel(Rest *rest, ChannelOffer *ret, Err *err);
int rest_assignments(Rest *rest, Assignments *ret, Err *err);

/* Delivers a batch, and deaths that wait. What the server refuses for good is marked so in the
 * outbox; *ret_stale tells that it knows better than we what is assigned (409). */
int rest_report(Rest *rest, const OutboxBatch *batch, Outbox *outbox, Deaths *deaths,
                bool *ret_stale, Err *err);

void channel_offer_done(ChannelOffer *offer);

#endif
