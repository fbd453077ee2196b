/* One end of a proxied connection, on the loop: a socket, TLS on it or not, and what could not be
 * written yet. Nothing here blocks. */
#ifndef AGENT_INGRESS_SIDE_H
#define AGENT_INGRESS_SIDE_H

#include <h2o.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

typedef struct Side {
    h2o_socket_t *sock; /* NULL: closed; its data is the owner */
    SSL *ssl;           /* owned; NULL without TLS */
    char *pending;      /* owned: accepted by side_send, not yet by the kernel */
    size_t pending_at, pending_len;
    bool connecting;
    bool reading;
    bool shut;      /* nothing more is to be sent */
    bool shut_sent; /* ... and the other end has been told */
    h2o_socket_cb on_read;
    void (*on_drained)(void *owner); /* nothing is pending any more */
    void (*on_broken)(void *owner);  /* writing failed */
} Side;

#define SIDE_AGAIN  -1
#define SIDE_BROKEN -2

/* Takes the socket and its callbacks; the socket only notifies, reading is ours. */
void side_open(Side *side, h2o_socket_t *sock, void *owner, h2o_socket_cb on_read,
               void (*on_drained)(void *), void (*on_broken)(void *));
void side_close(Side *side); /* at once; what is pending is lost */

/* What there is, at most cap, which is 16 KiB or more; 0 at the end; SIDE_AGAIN; SIDE_BROKEN. */
ssize_t side_read(Side *side, char *data, size_t cap);

/* Sends, or keeps what the kernel does not take now. Look at side_is_full() to know when to stop.
 * -1 when the connection is broken; on_broken is then not called. */
int side_send(Side *side, struct iovec *pieces, size_t count);

static inline bool side_is_full(const Side *side)
{
    return side->pending_len > 0;
}

/* No more will be sent: told to the other end as soon as nothing is pending. */
void side_shut(Side *side);

void side_pause(Side *side); /* on_read is not called until side_resume() */
void side_resume(Side *side);
void side_connected(Side *side); /* what was sent before goes out now */

#endif
