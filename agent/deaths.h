/* Why did it die: each container that ended is told once, with its last lines, before anything is
 * done about it. Workers note, the control thread takes and delivers. */
#ifndef AGENT_DEATHS_H
#define AGENT_DEATHS_H

#include "desired.h"
#include "docker.h"
#include "observed.h"

#include <stdbool.h>
#include <stddef.h>

#define DEATHS_WAITING_MAX 64          /* while the server is away; the oldest go first */
#define DEATH_LOG_BYTES    (64 * 1024) /* until the server says something else */
#define DEATH_LOG_MAX      (1024 * 1024)

typedef struct Deaths Deaths;

/* wake is called, from any thread, when something is there to take. */
Deaths *deaths_new(void (*wake)(void *arg), void *arg);

/* Those of the project's containers that ended and were not noted yet. The engine's refusal to give
 * a log leaves it empty. */
void deaths_note(Deaths *deaths, Docker *docker, const Desired *desired, const Observed *observed);

/* We stopped this one; it is looked at again for how it ended. */
void deaths_note_stopped(Deaths *deaths, Docker *docker, const Desired *desired,
                         const Container *container);

/* The oldest ones as a JSON array, up to max_bytes but at least one; NULL when there are none. The
 * caller owns it. *ret_count is what to give to deaths_delivered() when it has arrived. */
char *deaths_take(Deaths *deaths, size_t max_bytes, size_t *ret_count);
void deaths_delivered(Deaths *deaths, size_t count);

bool deaths_waiting(Deaths *deaths);

/* How much of a log the server wants. */
void deaths_set_log_bytes(Deaths *deaths, size_t bytes);

#endif
