/* Wake-ups between the servers of one database, and inside this one.
 *
 * A transaction of this server does not NOTIFY by itself, as that takes a lock that is one for the
 * whole cluster: once it has committed, whoever sent it calls bus_mark. That wakes the subscribers
 * of this process at once and everybody else some milliseconds later, with one NOTIFY for all that
 * was committed meanwhile. What others commit comes in by the server's one LISTEN. A wake-up only
 * says "look again": it carries nothing to trust, and nothing but time depends on it. */
#ifndef CARA_SERVER_BUS_H
#define CARA_SERVER_BUS_H

#include "connector.h"

typedef struct Bus Bus;

typedef struct BusSubscriber {
    h2o_linklist_t link; /* the bus's */
    /* `backend` made the change; 0 when the bus was deaf for a while and anything may have
     * happened, -1 when it was some other server or a person. */
    void (*wake)(struct BusSubscriber *self, int backend);
} BusSubscriber;

Bus *bus_new(h2o_loop_t *loop, Connector *connector, const char *role);
void bus_free(Bus *bus);

/* A transaction of this server has committed changes, on that backend. */
void bus_mark(Bus *bus, int backend);

/* The subscriber is the caller's and must unsubscribe before it goes; it may do so in its own wake.
 */
void bus_subscribe(Bus *bus, BusSubscriber *subscriber);
void bus_unsubscribe(BusSubscriber *subscriber);

#endif
