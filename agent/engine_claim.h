/* One agent an engine: two would each remove what the other one started. */
#ifndef AGENT_ENGINE_CLAIM_H
#define AGENT_ENGINE_CLAIM_H

#include "cara/err.h"

/* Claims an engine on this machine for as long as this process lives. ERR_CONFLICT when another one
 * has it; an engine that is not there yet, or elsewhere (tcp://), is nobody's. */
int engine_claim(const char *docker_host, Err *err);

#endif
