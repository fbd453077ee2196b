/* Local ports whose connections go through an agent: the loop of port-forward. */
#ifndef CTL_FORWARDER_H
#define CTL_FORWARDER_H

#include "dial.h"

#include <stdint.h>

typedef struct Forwarder Forwarder;

/* Catches SIGINT and SIGTERM from here on. */
int forwarder_new(Forwarder **ret, Err *err);
void forwarder_free(Forwarder *forwarder);
DEFINE_CLEANUP(Forwarder *, forwarder_free);

/* Listens on a numeric address; port 0 picks one. Each connection is a dial to `place`, which must
 * outlive the forwarder. *ret_address is "127.0.0.1:8080", owned by the caller. */
int forwarder_listen(Forwarder *forwarder, const char *address, uint16_t port,
                     const DialPlace *place, char **ret_address, Err *err);

/* Serves until a signal ends it; says what happens on stderr. */
int forwarder_run(Forwarder *forwarder, Err *err);

#endif
