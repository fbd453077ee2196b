/* GET /api/v1/exec/{project}/{service}: a command in a container, through a WebSocket with the
 * subprotocol of exec_words.h. */
#ifndef AGENT_EXEC_H
#define AGENT_EXEC_H

#include "httpd_call.h"

void exec_answer(const HttpdCall *call);

#endif
