/* From what is wanted and what runs to the routes of one project. */
#ifndef AGENT_INGRESS_ROUTES_H
#define AGENT_INGRESS_ROUTES_H

#include "ingress.h"
#include "plan.h"

/* Pure. One route for each entry of the project's ingress; it is ready when a container of its
 * service runs, has an address, is healthy where it has a health check, and is not about to be
 * stopped by the plan. Of an old and a new container the one that the plan stands by. The routes
 * point into what was given; only the array is the caller's to free. */
IngressRoute *ingress_routes_make(const Desired *desired, const Observed *observed,
                                  const Plan *plan, size_t *ret_count);

/* ... and publishes them. */
void ingress_routes_publish(Ingress *ingress, const Desired *desired, const Observed *observed,
                            const Plan *plan);

#endif
