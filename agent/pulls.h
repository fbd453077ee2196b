/* Image pulls, each in a thread of its own, so that neither a project nor a heartbeat ever waits
 * for a registry. Two projects that want the same image share one pull. */
#ifndef AGENT_PULLS_H
#define AGENT_PULLS_H

#include <stdint.h>

typedef struct Pulls Pulls;

typedef enum PullResult { PULL_RUNNING, PULL_DONE, PULL_FAILED } PullResult;

/* Called from the pull's thread for each project that asked for it: at its end, and now and then
 * when it has come a good deal further. */
typedef void (*PullWake)(void *arg, const char *project);

Pulls *pulls_new(const char *docker_host, PullWake wake, void *arg);

/* Starts a pull or joins one that is under way. The ticket is never 0. */
uint64_t pulls_start(Pulls *pulls, const char *image, const char *project);

/* How far the pull with that ticket is, in percent; -1 when that is not known. */
int pulls_percent(Pulls *pulls, uint64_t ticket);

/* How the pull with that ticket came out; *ret_error is the caller's. Forgotten ones count as done.
 */
PullResult pulls_result(Pulls *pulls, uint64_t ticket, char **ret_error);

#endif
