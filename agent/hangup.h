/* A terminal that goes hangs up what ran on it, as everywhere; the engine by itself would leave it
 * running for ever. */
#ifndef AGENT_HANGUP_H
#define AGENT_HANGUP_H

/* Sends SIGHUP to the process of an exec if it still runs, in its own time. Only to one that is
 * seen to be in that container: where the engine is another machine's there is none, and nothing
 * happens. */
void hangup(const char *exec_id, const char *container_id);

#endif
