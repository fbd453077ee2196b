/* The ingress: a reverse proxy on a loop thread of its own, so that neither a stream of logs nor a
 * tunnel on the HTTP API's loop waits for it, nor it for them. The other threads say what runs
 * here; the proxy takes that over between two turns of its loop.
 *
 * A request goes to the local container that its host and path lead to, else to the proxy of the
 * node that has the host, one hop at most. */
#ifndef AGENT_INGRESS_H
#define AGENT_INGRESS_H

#include "cara/err.h"
#include "ingress_table.h"
#include "settings.h"

#include <jansson.h>

typedef struct Ingress Ingress;

/* Reads what the settings name; listens when started. The error names the setting. *ret is NULL
 * when there is to be no proxy. */
int ingress_new(const Settings *settings, Ingress **ret, Err *err);

/* The threads. An address that is taken is logged and tried again; wake is called, on a thread of
 * the ingress, once it listens. */
int ingress_start(Ingress *ingress, void (*wake)(void *arg), void *arg);

/* All routes of one project; the array stays the caller's. Returns once requests take the new way,
 * and those on a way that is no more have ended or had INGRESS_DRAIN_MS: what they led to may then
 * be stopped. Does nothing when nothing changes, or ingress is NULL. */
#define INGRESS_DRAIN_MS 1000
void ingress_publish(Ingress *ingress, const char *project, const IngressRoute *routes,
                     size_t count);

/* Where other nodes reach the proxy; 0 while it does not listen, or without one. */
int ingress_port(Ingress *ingress);

/* What they are told of it: {"port": 8081, "key": "..."}. A new reference. */
json_t *ingress_facts(const Ingress *ingress, int port);

#endif
