/* One side of a WebSocket (RFC 6455) on a non-blocking socket: frames by libwslay, no I/O of its
 * own initiative. The owner of the file descriptor watches it, calls websocket_read() when it is
 * readable and websocket_write() when it takes more, and closes it. One thread's. */
#ifndef CARA_WEBSOCKET_H
#define CARA_WEBSOCKET_H

#include "cara/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBSOCKET_READ_MAX   (64 * 1024)  /* bytes taken from the socket at a time */
#define WEBSOCKET_TEXT_MAX   (128 * 1024) /* a longer text message is answered by 1009 */
#define WEBSOCKET_KEY_SIZE   25           /* with the NUL */
#define WEBSOCKET_PROOF_SIZE 29

typedef struct WebSocket WebSocket;

typedef enum WebSocketState {
    WEBSOCKET_OPEN,
    WEBSOCKET_CLOSED, /* the peer sent a close frame, or broke the protocol; nothing more is read */
    WEBSOCKET_GONE,   /* the connection has ended or failed without one */
} WebSocketState;

typedef struct WebSocketEvents {
    /* Payload of a binary message as it comes; `starts` when it is the first of its message (which
     * may be empty). The data is the WebSocket's and valid during the call. */
    void (*on_data)(void *arg, const uint8_t *data, size_t len, bool starts);
    /* A whole text message, NUL-terminated. NULL: text is data like any other. */
    void (*on_text)(void *arg, const char *text, size_t len);
} WebSocketEvents;

/* `fd` stays the caller's and must outlive it. `events` is kept, not copied. */
WebSocket *websocket_new(int fd, bool server, const WebSocketEvents *events, void *arg);
void websocket_free(WebSocket *ws);
DEFINE_CLEANUP(WebSocket *, websocket_free);

/* What arrived together with the handshake; at most WEBSOCKET_READ_MAX bytes. */
void websocket_feed(WebSocket *ws, const void *data, size_t len);

/* Reads once, as much as there is up to WEBSOCKET_READ_MAX, and calls the events. */
void websocket_read(WebSocket *ws);

/* Sends what waits, as far as the socket takes it. */
void websocket_write(WebSocket *ws);

/* One unfragmented message each. They only queue: websocket_write() sends. After a close frame (of
 * either side) they do nothing, and what still comes is not looked at. `reason` may be NULL; more
 * than 123 bytes are cut. */
void websocket_send(WebSocket *ws, const void *data, size_t len);
void websocket_send_text(WebSocket *ws, const char *text, size_t len);
void websocket_send_close(WebSocket *ws, unsigned code, const char *reason);

size_t websocket_pending(const WebSocket *ws); /* bytes that wait to be sent */
WebSocketState websocket_state(const WebSocket *ws);

/* The status of the peer's close frame; 1005 when it had none, 1006 when there was no frame. */
unsigned websocket_close_code(const WebSocket *ws);

/* ---- the handshake: Sec-WebSocket-Key of a client, Sec-WebSocket-Accept that answers it ---- */

void websocket_make_key(char ret_key[static WEBSOCKET_KEY_SIZE]);
bool websocket_key_is_valid(const char *key, size_t len);
void websocket_make_proof(const char *key, size_t len, char ret_proof[static WEBSOCKET_PROOF_SIZE]);

#endif
