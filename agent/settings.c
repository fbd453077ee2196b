#include "settings.h"

#include "cara/mem.h"
#include "channel.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 253

#define AT(member) offsetof(Settings, member)

/* clang-format off */
const ConfigOption settings_options[] = {
    /* flag                 environment           config.yaml           type             member                    default */
    { "server-url",         "SERVER_URL",         "server_url",         CONFIG_STRING,   AT(server_url),            "http://localhost:8080",       false,
      "where cara-server is" },
    { "node-name",          "NODE_NAME",          "node_name",          CONFIG_STRING,   AT(node_name),             NULL,                          false,
      "this node's name; default: the host name" },
    { "heartbeat-interval", "HEARTBEAT_INTERVAL", "heartbeat_interval", CONFIG_DURATION, AT(heartbeat_interval_ms), NULL,                          false,
      "time between heartbeats; default: what the server asks for (30s)" },
    { "channel",            "AGENT_CHANNEL",      "channel",            CONFIG_STRING,   AT(channel),               NULL,                          false,
      "how to be woken: postgres, stream or poll; default: as the server picks" },
    { "docker-host",        "DOCKER_HOST",        "docker_host",        CONFIG_STRING,   AT(docker_host),           "unix:///var/run/docker.sock", false,
      "the Docker engine: unix:///path or tcp://host:port" },
    { "listen-host",        "AGENT_LISTEN_HOST",  "listen_host",        CONFIG_STRING,   AT(listen_host),           "0.0.0.0",                     false,
      "the address the agent's own HTTP API listens on" },
    { "agent-port",         "AGENT_LISTEN_PORT",  "listen_port",        CONFIG_PORT,     AT(listen_port),           "9090",                        false,
      "its port" },
    { "proxy-listen-addr",  "PROXY_LISTEN_ADDR",  "proxy_listen_addr",  CONFIG_STRING,   AT(proxy_listen_addr),     ":8081",                       false,
      "host:port for the ingress proxy; none for no proxy" },
    { "proxy-tls-listen-addr", "PROXY_TLS_LISTEN_ADDR", "proxy_tls_listen_addr", CONFIG_STRING, AT(proxy_tls_listen_addr), ":8443",                 false,
      "host:port for its HTTPS, where there are certificates" },
    { "proxy-certificates", "PROXY_CERTIFICATES", "proxy_certificates", CONFIG_STRING,   AT(proxy_certificates),    NULL,                          false,
      "a directory with HOST.crt and HOST.key for each host that is served over HTTPS" },
    { "proxy-timeout",      "PROXY_TIMEOUT",      "proxy_timeout",      CONFIG_DURATION, AT(proxy_timeout_ms),      "60s",                         false,
      "how long the ingress proxy waits for more of a request, and for its answer to begin" },
    { "proxy-access-log",   "PROXY_ACCESS_LOG",   "proxy_access_log",   CONFIG_STRING,   AT(proxy_access_log),      NULL,                          false,
      "a file that gets one line for each request to the ingress proxy; - for standard output" },
    { "advertise-ip",       "AGENT_ADVERTISE_IP", "advertise_ip",       CONFIG_STRING,   AT(advertise_ip),          NULL,                          false,
      "the address others reach this node under; default: the one it reaches the server from" },
    { "debug",              "DEBUG",              "debug",              CONFIG_BOOL,     AT(debug),                 "false",                       false,
      "log more, in lines for people" },
};
/* clang-format on */
const size_t settings_option_count = ARRAY_LEN(settings_options);

static bool is_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_MAX_BYTES || !isalnum((unsigned char)name[0]) ||
        !isalnum((unsigned char)name[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!(islower((unsigned char)name[i]) || isdigit((unsigned char)name[i]) ||
              name[i] == '-' || name[i] == '.'))
            return false;
    return true;
}

static bool is_http_url(const char *url)
{
    return (strncmp(url, "http://", 7) == 0 && url[7] != '\0') ||
           (strncmp(url, "https://", 8) == 0 && url[8] != '\0');
}

static bool is_docker_host(const char *host)
{
    return (strncmp(host, "unix:///", 8) == 0 && host[8] != '\0') ||
           (strncmp(host, "tcp://", 6) == 0 && host[6] != '\0');
}

static bool is_ip(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

int settings_check(const Settings *settings, Err *err)
{
    if (!is_http_url(settings->server_url))
        return err_set(
            err, ERR_INVALID,
            "server_url \"%s\" is not usable: set SERVER_URL or --server-url to http://host:port",
            settings->server_url);
    if (!is_name(settings->node_name))
        return err_set(
            err, ERR_INVALID,
            "node_name \"%s\" is not usable: set NODE_NAME or --node-name to lowercase letters, "
            "digits, hyphens and dots, beginning and ending with a letter or digit",
            settings->node_name);
    if (!is_docker_host(settings->docker_host))
        return err_set(
            err, ERR_INVALID,
            "docker_host \"%s\" is not usable: set DOCKER_HOST or --docker-host to unix:///path "
            "or tcp://host:port",
            settings->docker_host);
    if (!is_ip(settings->listen_host))
        return err_set(
            err, ERR_INVALID,
            "listen_host \"%s\" is not an IP address: set AGENT_LISTEN_HOST or --listen-host to "
            "0.0.0.0 or one of this machine's",
            settings->listen_host);
    if (settings->advertise_ip != NULL && !is_ip(settings->advertise_ip))
        return err_set(
            err, ERR_INVALID,
            "advertise_ip \"%s\" is not an IP address: set AGENT_ADVERTISE_IP or --advertise-ip to "
            "one, or leave it out",
            settings->advertise_ip);
    ChannelKind kind;
    if (settings->channel != NULL && channel_kind_parse(settings->channel, &kind) < 0)
        return err_set(err, ERR_INVALID,
                       "channel \"%s\" is not known: set AGENT_CHANNEL or --channel to postgres, "
                       "stream or poll, or leave it out",
                       settings->channel);
    if (settings->heartbeat_interval_ms != 0 && settings->heartbeat_interval_ms < 100)
        return err_set(err, ERR_INVALID,
                       "heartbeat_interval is too short: set HEARTBEAT_INTERVAL or "
                       "--heartbeat-interval to 100ms or more");
    if (settings->proxy_timeout_ms < 100)
        return err_set(err, ERR_INVALID,
                       "proxy_timeout is too short: set PROXY_TIMEOUT or --proxy-timeout to 100ms "
                       "or more");
    return 0;
}

/* The host name, in the case that names are in. */
static char *host_name(void)
{
    char name[NAME_MAX_BYTES + 3] = "";

    gethostname(name, sizeof(name) - 1);
    for (char *p = name; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    return mem_strdup(name);
}

int settings_load(int argc, char **argv, Settings *ret, Err *err)
{
    const ConfigSources sources = { .argc = argc, .argv = argv };
    Settings settings = { 0 };
    int next = config_load(settings_options, settings_option_count, &sources, &settings, err);

    if (next >= 0 && next < argc)
        next = err_set(err, ERR_INVALID, "unexpected argument \"%s\": --help lists the flags",
                       argv[next]);
    if (next >= 0 && settings.node_name == NULL)
        settings.node_name = host_name();
    if (next < 0 || settings_check(&settings, err) < 0) {
        settings_done(&settings);
        return -1;
    }
    *ret = settings;
    return 0;
}

void settings_done(Settings *settings)
{
    config_done(settings_options, settings_option_count, settings);
}
