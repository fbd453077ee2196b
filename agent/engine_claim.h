/* One agent an engine: two would each remove what the other one started. */
#ifndef AGENT_ENGINE_CLAIM_H
#define AGENT_ENGINE_CLAIM_H

#include "cara/err.h"

#define ENGINE_CLAIM_SUFFIX ".cara-agent" /* of the lock file beside the engine's socket */

/* Claims an engine on this machine for as long as this process lives. ERR_CONFLICT when another one
 * has it. One that is not there yet, is elsewhere (tcp://), or has its socket where we may not
 * write, is not claimed, which is no error. */
int engine_claim(const char *docker_host, Err *err);

#endif
