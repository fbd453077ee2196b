/* N connections to Postgres in pipeline mode on the loop. A call is one prepared statement with its
 * parameters; its answer comes back to a callback on the loop. */
#ifndef CARA_SERVER_POOL_H
#define CARA_SERVER_POOL_H

#include "connector.h"

#include "cara/err.h"

#include <stdbool.h>
#include <stddef.h>

#define POOL_MAX_PARAMS 4
#define POOL_DEPTH      16   /* calls under way on one connection */
#define POOL_QUEUE_MAX  2048 /* calls waiting for a connection in one line */

/* Calls wait for a connection in two lines, which have their turn alternately: whoever fills one
 * has nobody in the other turned away, nor waiting for more than one's own line and as much again.
 */
typedef enum PoolLine { POOL_LINE_FIRST, POOL_LINE_SECOND, POOL_LINES } PoolLine;

typedef struct Pool Pool;
typedef struct PoolCall PoolCall;

/* The result is the receiver's; NULL means that the connection was lost on the way, and that nobody
 * knows whether the statement ran. Never called from within pool_call. */
typedef void (*PoolDone)(void *arg, PGresult *result);

typedef struct PoolOptions {
    h2o_loop_t *loop;
    Connector *connector;
    size_t connections;
    const char *role;              /* database_enter */
    const char *const *statements; /* a call names one by its index; NULL entries are skipped */
    size_t statement_count;
    PoolLine (*line)(size_t statement); /* where its calls wait */
    int statement_timeout_ms;
    /* Told before a call is answered that it committed changes (bus_mark); NULL for none. */
    void (*changed)(void *arg, int backend);
    void *changed_arg;
} PoolOptions;

/* Everything in the options must outlive the pool. It opens its connections by itself. */
Pool *pool_new(const PoolOptions *options);

/* Closes the connections; calls still under way are forgotten, their callbacks not called. */
void pool_free(Pool *pool);

size_t pool_open_count(const Pool *pool);

/* Sends the call, or queues it. Returns NULL when no connection is up or too many wait in its line.
 * `params` (and what they point to; NULL is SQL's NULL) must stay until `done` or pool_cancel. What
 * fails because of others at work (40001, 40P01, 55P03) is sent once more. */
PoolCall *pool_call(Pool *pool, size_t statement, const char *const *params, size_t count,
                    PoolDone done, void *arg);

/* Forgets the caller: `done` will not be called. A statement on its way still runs. */
void pool_cancel(PoolCall *call);

/* Prepares the statements on a connection, as the pool does itself. */
int pool_prepare(PGconn *conn, const PoolOptions *options, Err *err);

#endif
