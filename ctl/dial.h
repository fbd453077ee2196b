/* A WebSocket connection to an agent being made, without blocking: the caller polls dial_fd() for
 * dial_events() and calls dial_ready(). */
#ifndef CTL_DIAL_H
#define CTL_DIAL_H

#include "agent_address.h"
#include "cara/mem.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

/* Where to, looked up once for any number of connections. */
typedef struct DialPlace {
    AgentAddress agent;
    char *text; /* owned: "host:port" */
    char *path; /* owned */
    const char *protocol;
    struct addrinfo *addresses; /* owned */
} DialPlace;

/* `path` is copied; `protocol` is kept. */
int dial_place_init(DialPlace *place, const AgentAddress *address, const char *path,
                    const char *protocol, Err *err);
void dial_place_done(DialPlace *place);

typedef struct Dial Dial;

Dial *dial_new(const DialPlace *place); /* which must outlive it */
void dial_free(Dial *dial);
DEFINE_CLEANUP(Dial *, dial_free);

int dial_fd(const Dial *dial); /* may be another one after dial_ready(); -1 when there is none */
short dial_events(const Dial *dial); /* POLLIN or POLLOUT */
int64_t
dial_deadline(const Dial *dial); /* monotonic milliseconds: dial_ready() then, whatever polls */

/* 1 when it is made, 0 when it goes on, -1 when it failed. To be called at once after dial_new().
 */
int dial_ready(Dial *dial, Err *err);

/* After it is made: the descriptor is the caller's. *ret_early points to what came with the
 * handshake and lives as long as the Dial. */
int dial_take(Dial *dial, bool *ret_agreed, const char **ret_early, size_t *ret_len);

/* As a whole, with poll(). */
int dial_wait(Dial *dial, Err *err);

#endif
