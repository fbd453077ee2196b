/* The server's one LISTEN on cara_bus, fanned out to whoever subscribes inside this process. A
 * wake-up only says "look again": it carries nothing to trust. */
#ifndef CARA_SERVER_BUS_H
#define CARA_SERVER_BUS_H

#include "connector.h"

typedef struct Bus Bus;

typedef struct BusSubscriber {
    h2o_linklist_t link; /* the bus's */
    /* `backend` sent the NOTIFY; 0 when the bus was deaf for a while and anything may have
     * happened. */
    void (*wake)(struct BusSubscriber *self, int backend);
} BusSubscriber;

Bus *bus_new(h2o_loop_t *loop, Connector *connector, const char *role);
void bus_free(Bus *bus);

/* The subscriber is the caller's and must unsubscribe before it goes; it may do so in its own wake.
 */
void bus_subscribe(Bus *bus, BusSubscriber *subscriber);
void bus_unsubscribe(BusSubscriber *subscriber);

#endif
