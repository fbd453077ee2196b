/* Bytes of a plain connection carried through a WebSocket, both ways, with bounded memory: nothing
 * is read from one side while the other does not take what is there. Does no waiting: the owner of
 * the two non-blocking sockets watches them for what tunnel_wants() says, tells tunnel_ready(), and
 * closes both once the tunnel wants nothing any more.
 *
 * Each read of up to 32 KiB becomes one binary message. An end of one direction can be told apart
 * from the end of all only where both sides have agreed on TUNNEL_PROTOCOL in the handshake: there
 * the text message "eof" says that no more bytes follow, and a close frame of 1000 that both
 * directions are through; any other end resets the plain connection. Without it (the original's
 * programs) text is data like binary, and an end of either connection ends both, after what was on
 * its way. */
#ifndef CARA_TUNNEL_H
#define CARA_TUNNEL_H

#include "cara/mem.h"

#include <stdbool.h>
#include <stddef.h>

#define TUNNEL_PROTOCOL "tunnel.v1.caravanserai"

typedef enum TunnelEvent {
    TUNNEL_WS_READ = 1,
    TUNNEL_WS_WRITE = 2,
    TUNNEL_FD_READ = 4,
    TUNNEL_FD_WRITE = 8,
} TunnelEvent;

typedef struct Tunnel Tunnel;

/* `ws_fd` is past its handshake. Both descriptors stay the caller's. */
Tunnel *tunnel_new(int ws_fd, int fd, bool server, bool half_close);
void tunnel_free(Tunnel *tunnel);
DEFINE_CLEANUP(Tunnel *, tunnel_free);

/* What arrived together with the handshake; at most WEBSOCKET_READ_MAX bytes. */
void tunnel_feed(Tunnel *tunnel, const void *data, size_t len);

/* A set of TunnelEvent; 0 when it is over. */
unsigned tunnel_wants(const Tunnel *tunnel);

/* Does what can be done now. */
void tunnel_ready(Tunnel *tunnel, unsigned events);

/* Finds a peer that vanished without a word: TCP keep-alive, for a socket that may idle for hours.
 */
void tunnel_keep_alive(int fd);

#endif
