/* The agent's own HTTP API, on libh2o in the loop thread. A route is a row of a table in httpd.c.
 */
#ifndef AGENT_HTTPD_H
#define AGENT_HTTPD_H

#include "cara/err.h"

/* Listens; the error names the address and the option. */
int httpd_listen(const char *host, int port, Err *err);

/* Serves until SIGTERM or SIGINT (which must be blocked in every thread); gives the signal. */
int httpd_run(void);

#endif
