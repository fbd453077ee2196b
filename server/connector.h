/* A thread that opens connections for the loop, again and again until Postgres is there.
 *
 * Resolving a name, TCP, TLS, authentication and preparing statements are plain blocking code here;
 * only a finished connection comes to the loop. */
#ifndef CARA_SERVER_CONNECTOR_H
#define CARA_SERVER_CONNECTOR_H

#include "cara/err.h"

#include <h2o.h>
#include <libpq-fe.h>

typedef struct Connector Connector;

typedef struct ConnectorJob {
    h2o_multithread_message_t message; /* the connector's while the job is out */
    struct ConnectorJob *next;         /* likewise */
    PGconn *conn;                      /* likewise */
    /* In the thread, on a fresh connection: role, settings, statements. */
    int (*prepare)(PGconn *conn, void *arg, Err *err);
    /* On the loop; the connection is the receiver's now. */
    void (*opened)(PGconn *conn, void *arg);
    void *arg;
} ConnectorJob;

/* `url` must outlive it. Logs the first failure of an outage and its end. */
int connector_new(const char *url, h2o_multithread_queue_t *queue, Connector **ret, Err *err);

/* Opens one connection for the job, which its owner keeps alive. `opened` is called once. */
void connector_open(Connector *connector, ConnectorJob *job);

/* Ends the thread; jobs that are out are forgotten. */
void connector_free(Connector *connector);

#endif
