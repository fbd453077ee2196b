/* Brings a database to the schema this build carries (db/). */
#ifndef CARA_SERVER_MIGRATE_H
#define CARA_SERVER_MIGRATE_H

#include "cara/err.h"

#include <libpq-fe.h>

typedef struct MigrateReport {
    int applied;  /* migrations that were missing */
    int version;  /* the highest one now there */
    int replaced; /* 1 when functions, views, triggers and roles were re-applied */
} MigrateReport;

/* All or nothing, in one transaction, one server at a time; quick when there is nothing to do.
 * Refuses a database that a newer build has migrated. */
int migrate_run(PGconn *conn, MigrateReport *ret, Err *err);

#endif
