/* The loop thread: libh2o with the agent's own HTTP API. A route is a row in httpd_routes.c. */
#ifndef AGENT_HTTPD_H
#define AGENT_HTTPD_H

#include "cara/err.h"

#include <h2o.h>

/* Listens; the error names the address and the option. */
int httpd_listen(const char *host, int port, Err *err);

/* The one loop, after httpd_listen(); what is on it runs in the thread of httpd_run(). */
h2o_loop_t *httpd_loop(void);

/* Looks names up in a thread and answers on the loop: for h2o_hostinfo_getaddr(). */
h2o_multithread_receiver_t *httpd_resolver(void);

/* Serves until SIGTERM or SIGINT (which must be blocked in every thread); gives the signal. */
int httpd_run(void);

#endif
