/* Accepts connections: on every address the host name stands for, up to a limit. */
#ifndef CARA_SERVER_LISTENER_H
#define CARA_SERVER_LISTENER_H

#include "cara/err.h"

#include <h2o.h>
#include <stddef.h>

#define LISTENER_MAX_ADDRESSES 8

typedef struct Listener Listener;

/* `accept_ctx` must outlive it. Errors name the address and what to do. */
int listener_new(h2o_accept_ctx_t *accept_ctx, h2o_loop_t *loop, const char *host, int port,
                 Listener **ret, Err *err);

/* How many connections there may be at a time. Raises the limit on open files as far as it goes. */
size_t listener_connection_limit(void);

/* Stops accepting. */
void listener_free(Listener *listener);

#endif
