/* Detached threads with small stacks. They live until the process ends: nothing they do needs an
 * orderly end, as every step may be interrupted anywhere. */
#ifndef AGENT_THREADS_H
#define AGENT_THREADS_H

int thread_start(const char *name, void *(*run)(void *), void *arg);

#endif
