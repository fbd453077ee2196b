/* The agent's configuration: contract 5.6, checked. */
#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

#include "cara/config.h"
#include "cara/err.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Settings {
    bool debug;
    char *server_url;
    char *node_name;
    int64_t heartbeat_interval_ms; /* 0: as the server says */
    char *channel;                 /* the kind to ask for; NULL: as the server picks */
    char *docker_host;
    char *listen_host;
    int listen_port;
    char *proxy_listen_addr;     /* "none": no proxy */
    char *proxy_tls_listen_addr; /* where there are certificates */
    char *proxy_certificates;    /* a directory; NULL: no HTTPS */
    char *proxy_access_log;      /* a file, "-" for standard output; NULL: none */
    int64_t proxy_timeout_ms;
    char *advertise_ip; /* NULL: the address the server is reached from */
} Settings;

extern const ConfigOption settings_options[];
extern const size_t settings_option_count;

/* Loads and checks; the error names the option and the way out. */
int settings_load(int argc, char **argv, Settings *ret, Err *err);
int settings_check(const Settings *settings, Err *err);
void settings_done(Settings *settings);

#endif
