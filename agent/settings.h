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
    char *proxy_listen_addr;
    char *advertise_ip; /* NULL: the address the server is reached from */
} Settings;

extern const ConfigOption settings_options[];
extern const size_t settings_option_count;

/* Loads and checks; the error names the option and the way out. */
int settings_load(int argc, char **argv, Settings *ret, Err *err);
int settings_check(const Settings *settings, Err *err);
void settings_done(Settings *settings);

#endif
