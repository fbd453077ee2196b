/* One project from what is there to what is wanted: look, plan, do, until there is nothing to do.
 */
#ifndef AGENT_RECONCILE_H
#define AGENT_RECONCILE_H

#include "deaths.h"
#include "desired.h"
#include "docker.h"
#include "history.h"
#include "ingress.h"
#include "pulls.h"
#include "report.h"

typedef struct Reconciled {
    Report report;   /* project is NULL when there is nothing to say */
    int64_t wake_at; /* wall clock, ms; INT64_MAX: only when something changes */
    bool gone;       /* nothing of it is left */
    bool tried;      /* the engine was there: what could be done was */
} Reconciled;

/* Tells the caller that something newer is wanted: the work stops between two steps' rounds. */
typedef bool (*ReconcileStale)(void *arg);

/* Something worth saying before the work is done; takes the report. */
typedef void (*ReconcileTell)(void *arg, Report *report);

typedef struct Reconciler {
    Docker *docker;
    const char *docker_host;
    Pulls *pulls;
    Deaths *deaths;   /* or NULL */
    Ingress *ingress; /* NULL without a proxy */
    ReconcileStale is_stale;
    ReconcileTell tell;
    void *arg;
} Reconciler;

void reconcile(const Reconciler *reconciler, const Desired *desired, History *history,
               Reconciled *ret);

#endif
