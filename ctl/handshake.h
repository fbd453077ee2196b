/* The WebSocket handshake with an agent, from the client's side. Pure. */
#ifndef CTL_HANDSHAKE_H
#define CTL_HANDSHAKE_H

#include "cara/err.h"
#include "cara/websocket.h"

#include <stdbool.h>
#include <stddef.h>

#define HANDSHAKE_ANSWER_MAX (64 * 1024) /* head and body of a refusal */

typedef struct Handshake {
    const char *host; /* as a Host header has it */
    const char *path;
    const char *protocol; /* the subprotocol to offer */
    char key[WEBSOCKET_KEY_SIZE];
} Handshake;

/* The request; owned by the caller. */
char *handshake_request(const Handshake *handshake);

/* Reads what has come of the answer; `ended` when no more will. Returns the length of the head once
 * it is a 101 that answers this request (what follows are frames), with *ret_agreed telling whether
 * the subprotocol was taken; 0 when there is more to come; -1 when it is a refusal, which becomes
 * "Title: Detail", or no answer of a WebSocket server at all. */
long handshake_parse(const Handshake *handshake, const char *data, size_t len, bool ended,
                     bool *ret_agreed, Err *err);

#endif
