/* What libh2o refuses by itself (a body too large, broken chunks, an unknown expectation) leaves as
 * a problem document like every other error, and reaches a client that is still sending: libh2o
 * closes at once, which would reset the connection under the answer, so the socket lingers until
 * the client has finished or a limit is reached. */
#ifndef CARA_SERVER_REFUSAL_H
#define CARA_SERVER_REFUSAL_H

#include <h2o.h>

void refusal_register(h2o_pathconf_t *path, h2o_loop_t *loop);

/* For our own answers that end a connection whose request was not read to its end. */
void refusal_linger(h2o_req_t *req);

#endif
