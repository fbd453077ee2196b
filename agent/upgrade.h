/* From a request of the HTTP API to a WebSocket on a socket of its own. */
#ifndef AGENT_UPGRADE_H
#define AGENT_UPGRADE_H

#include <h2o.h>
#include <stdbool.h>

/* Is it a handshake as RFC 6455 has it? */
bool upgrade_is_asked(h2o_req_t *req);

/* Does the client offer this subprotocol? */
bool upgrade_offers(h2o_req_t *req, const char *protocol);

/* 400 as the original has it; ends the request. */
void upgrade_refuse(h2o_req_t *req);

/* `sock` only tells when it is ready, and is the callee's to close; NULL when the client has gone.
 * `early` is what came after the handshake, for the time of the call. */
typedef void (*UpgradeDone)(void *arg, h2o_socket_t *sock, const char *early, size_t early_len);

/* Answers 101, with that subprotocol unless NULL. Afterwards the request is gone. */
void upgrade_start(h2o_req_t *req, const char *protocol, UpgradeDone done, void *arg);

#endif
