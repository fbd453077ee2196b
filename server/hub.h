/* What waits for changes behind this server: agents' wake-up streams and watches. One connection
 * reads the log for all of them, once a wake-up: api.bus_read tells which nodes are concerned, then
 * each feed that is behind is read. The place in the log is kept when the database is lost. */
#ifndef CARA_SERVER_HUB_H
#define CARA_SERVER_HUB_H

#include "bus.h"
#include "feed.h"
#include "wakeups.h"

typedef struct Hub Hub;

typedef struct HubOptions {
    h2o_loop_t *loop;
    Connector *connector;
    const char *role;
    Bus *bus;
    size_t max_behind; /* feeds_new */
} HubOptions;

Hub *hub_new(const HubOptions *options);
void hub_free(Hub *hub);

Feeds *hub_feeds(Hub *hub);
Wakeups *hub_wakeups(Hub *hub);

/* Something waits now that did not before: reads on. */
void hub_look(Hub *hub);

#endif
