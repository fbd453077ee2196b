/* One connection of one's own on the loop, kept open: a query at a time, and notifications. */
#ifndef CARA_SERVER_SESSION_H
#define CARA_SERVER_SESSION_H

#include "connector.h"

typedef struct Session Session;

typedef struct SessionOptions {
    h2o_loop_t *loop;
    Connector *connector;
    const char *role;              /* database_enter */
    const char *listen;            /* SQL run on each new connection; NULL for none */
    const char *const *statements; /* prepared on each; up to a NULL */
    int statement_timeout_ms;
    void (*up)(void *arg);                    /* a new connection is there */
    void (*down)(void *arg);                  /* it is lost; a query under way is forgotten */
    void (*notified)(void *arg, int backend); /* NULL for none; `backend` sent the NOTIFY */
    void (*answered)(void *arg,
                     PGresult *result);      /* to session_query; the result is the session's */
    void (*changed)(void *arg, int backend); /* NULL for none; before `answered`: the query
                                                committed what bus_mark is to be told of */
    void *arg;
} SessionOptions;

/* What the options point to must outlive the session. */
Session *session_new(const SessionOptions *options);
void session_free(Session *session);

/* Only while up, and when no query is under way. `statement` is an index into those of the options;
 * `params` may be NULL when count is 0. */
void session_query(Session *session, size_t statement, const char *const *params, int count);

int session_backend(const Session *session); /* 0 while down */

#endif
