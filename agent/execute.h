/* Does the steps of a plan, in order, and remembers in the history what came of them. */
#ifndef AGENT_EXECUTE_H
#define AGENT_EXECUTE_H

#include "deaths.h"
#include "docker.h"
#include "plan.h"
#include "pulls.h"

typedef struct Executor {
    Docker *docker;
    const char *docker_host;
    Pulls *pulls;
    Deaths *deaths; /* or NULL */
    const Desired *desired;
    History *history;
} Executor;

/* -1 when a step was refused: the history knows which and when to try again. */
int execute_plan(const Executor *executor, const Plan *plan);

#endif
