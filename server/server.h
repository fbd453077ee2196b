/* The running server: one loop with its listeners, its pool, its bus and its clock. */
#ifndef CARA_SERVER_SERVER_H
#define CARA_SERVER_SERVER_H

#include "cara/err.h"

#include <stdbool.h>

typedef struct ServerSettings {
    char *host;
    int port;
    char *database_url;
    char *channel_host;
    int db_connections;
    int max_streams;   /* watches and wake-up streams at a time */
    int watch_backlog; /* KiB that a watch may be behind */
    bool debug;
} ServerSettings;

typedef struct ServerDatabase {
    char *role;     /* what pooled connections SET ROLE to; NULL when there is none */
    char *endpoint; /* the p_endpoint argument */
} ServerDatabase;

/* Connects, checks that the database can be used, migrates it. Nothing stays open. */
int server_prepare_database(const ServerSettings *settings, ServerDatabase *ret, Err *err);
void server_database_done(ServerDatabase *database);

/* Serves until SIGTERM or SIGINT, then drains. */
int server_run(const ServerSettings *settings, const ServerDatabase *database, Err *err);

#endif
