/* Opening a connection to Postgres, and saying in one line why it cannot be had. Blocking: used at
 * start and by the connector's thread, never on the loop. */
#ifndef CARA_SERVER_DATABASE_H
#define CARA_SERVER_DATABASE_H

#include "cara/err.h"
#include "cara/mem.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>

#define DATABASE_CONNECT_TIMEOUT_MS 5000
#define DATABASE_MIN_VERSION        160000

DEFINE_CLEANUP(PGconn *, PQfinish);
DEFINE_CLEANUP(PGresult *, PQclear);

/* ERR_INVALID when the URL cannot be used; the message never holds any of it, as it may hold a
 * password. */
int database_check_url(const char *url, Err *err);

/* Connects, within the timeout or until *stop (may be NULL) is set, and refuses servers that are
 * too old or read-only. Errors: ERR_UNAVAILABLE when trying again may help, ERR_DATABASE when not.
 */
int database_connect(const char *url, const atomic_bool *stop, PGconn **ret, Err *err);

/* Makes it a session of the server: limits on how long a statement may take, and the role that may
 * EXECUTE api.* and nothing else (NULL: the database has none, stay who we are). */
int database_enter(PGconn *conn, const char *role, int statement_timeout_ms, Err *err);

/* Whether a notice is a transaction's word that it changed something and, since its session is one
 * of the server's, left telling others to the server (bus.h). */
bool database_tells_of_change(const PGresult *notice);

/* Runs SQL that returns nothing or one value. *ret_value (may be NULL) is owned by the caller, and
 * NULL for SQL's NULL or no row. */
int database_query(PGconn *conn, const char *sql, char **ret_value, Err *err);

/* Fills err with what Postgres said: "permission denied for ... (42501)". Returns -1. */
int database_error(const PGresult *result, const PGconn *conn, Err *err);

/* Where agents reach this database, as the p_endpoint argument; channel_host is "host", "host:port"
 * or NULL. Owned by the caller. */
char *database_endpoint(const PGconn *conn, const char *channel_host);

#endif
