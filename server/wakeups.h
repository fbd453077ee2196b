/* GET /api/v1/nodes/{name}/wakeups: server-sent events that tell an agent to look again, one stream
 * a node. Who has the head of the answer will be told of everything that is committed after it. */
#ifndef CARA_SERVER_WAKEUPS_H
#define CARA_SERVER_WAKEUPS_H

#include <h2o.h>
#include <stdbool.h>
#include <stdint.h>

#define WAKEUPS_REVOKED (-1) /* in place of a serial: the node has no channel any more */

typedef struct Wakeups Wakeups;
typedef struct Wakeup Wakeup;

Wakeups *wakeups_new(void);
void wakeups_free(Wakeups *wakeups); /* without streams */

size_t wakeups_count(const Wakeups *wakeups);

/* Before the token is checked, so that nothing that happens meanwhile is missed. */
Wakeup *wakeups_expect(Wakeups *wakeups, const char *node);
void wakeups_forget(Wakeup *wakeup); /* it was not opened */

/* The token was good for the channel of that serial: sends the head, and ends an older stream of
 * the node. False, with nothing sent, when that channel was revoked meanwhile; forget it then. */
bool wakeups_open(Wakeup *wakeup, h2o_req_t *req, int64_t serial);

/* The node's agent has to look again. Any number of these before the client reads are one. */
void wakeups_wake(Wakeups *wakeups, const char *node);
void wakeups_wake_all(Wakeups *wakeups);

/* The node's channel is the one of this serial now: ends streams of any other. */
void wakeups_set_serial(Wakeups *wakeups, const char *node, int64_t serial);

/* {"n1":7,...}: the channels of the open streams, for api.channel_check; the caller's to free. */
char *wakeups_serials(const Wakeups *wakeups);

/* Each second: comments where nothing was said for a while, and the end of who does not read. */
void wakeups_tick(Wakeups *wakeups, int64_t now_ms);

/* Ends all streams as they should end. */
void wakeups_end(Wakeups *wakeups);

#endif
