/* GET /api/v1/forward/{project}/{service}/{port}: a TCP connection to a container, through a
 * WebSocket (contract 3.1). With the subprotocol of cara/tunnel.h each direction may end by itself.
 */
#ifndef AGENT_FORWARD_H
#define AGENT_FORWARD_H

#include "httpd_call.h"

void forward_answer(const HttpdCall *call);

#endif
