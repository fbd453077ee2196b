/* libh2o looks at a connection only to read the next request or to write. An answer that may have
 * nothing to say for hours must notice by itself that nobody listens any more. */
#ifndef AGENT_CLIENT_WATCH_H
#define AGENT_CLIENT_WATCH_H

#include <h2o.h>

/* Calls gone(arg) when the client has closed. Only while nothing is being sent: stop before each
 * h2o_send(). HTTP/1 without TLS only. */
void client_watch_start(h2o_req_t *req, void (*gone)(void *arg), void *arg);
void client_watch_stop(h2o_req_t *req);

#endif
