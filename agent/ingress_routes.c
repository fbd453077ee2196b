#include "ingress_routes.h"

#include <string.h>

static bool is_to_stop(const Plan *plan, const Container *container)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const Step *step = &plan->steps[i];
        if (step->container == container &&
            (step->kind == STEP_STOP || step->kind == STEP_REMOVE_CONTAINER))
            return true;
    }
    return false;
}

static bool serves(const Container *container, const Desired *desired, const char *service)
{
    return container->state == CONTAINER_RUNNING && container->ip[0] != '\0' &&
           (container->health == HEALTH_NONE || container->health == HEALTH_HEALTHY) &&
           strcmp(container->service, service) == 0 &&
           (container->uid[0] == '\0' || strcmp(container->uid, desired->uid) == 0);
}

static const Container *shown(const Plan *plan, const char *service)
{
    for (size_t i = 0; i < plan->outcome_count; i++)
        if (strcmp(plan->outcomes[i].service->name, service) == 0)
            return plan->outcomes[i].shown;
    return NULL;
}

static const Container *choose(const Desired *desired, const Observed *observed, const Plan *plan,
                               const char *service)
{
    const Container *chosen = NULL;

    for (size_t i = 0; i < observed->container_count; i++) {
        const Container *container = &observed->containers[i];
        if (!serves(container, desired, service) || is_to_stop(plan, container))
            continue;
        if (chosen == NULL || container == shown(plan, service))
            chosen = container;
    }
    return chosen;
}

IngressRoute *ingress_routes_make(const Desired *desired, const Observed *observed,
                                  const Plan *plan, size_t *ret_count)
{
    IngressRoute *routes = mem_alloc((desired->ingress_count + 1) * sizeof(*routes));

    *ret_count = 0;
    for (size_t i = 0; !desired->removed && i < desired->ingress_count; i++) {
        const DesiredIngress *entry = &desired->ingress[i];
        const Container *container = choose(desired, observed, plan, entry->service);
        IngressRoute *route = &routes[(*ret_count)++];
        *route = (IngressRoute){ .host = entry->host,
                                 .path = entry->path,
                                 .project = desired->project,
                                 .service = entry->service };
        route->ready =
            container != NULL && address_parse(container->ip, entry->port, &route->address);
    }
    return routes;
}

void ingress_routes_publish(Ingress *ingress, const Desired *desired, const Observed *observed,
                            const Plan *plan)
{
    size_t count;

    if (ingress == NULL)
        return;
    _cleanup_(mem_freep) IngressRoute *routes =
        ingress_routes_make(desired, observed, plan, &count);
    ingress_publish(ingress, desired->project, routes, count);
}
