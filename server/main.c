/* cara-server: the REST facade over the functions in Postgres. */
#include "server.h"

#include "cara/config.h"
#include "cara/log.h"
#include "cara/mem.h"
#include "cara/version.h"

#include <stdio.h>
#include <string.h>

typedef struct Settings {
    ServerSettings server;
    char *otel_collector_url;
} Settings;

#define AT(member) offsetof(Settings, member)

/* clang-format off */
static const ConfigOption options[] = {
    { "host",               "HOST",               "host",               CONFIG_STRING, AT(server.host),           "0.0.0.0", false, "address to listen on" },
    { "port",               "PORT",               "port",               CONFIG_PORT,   AT(server.port),           "8080",    false, "port to listen on" },
    { "database_url",       "DATABASE_URL",       "database_url",       CONFIG_STRING, AT(server.database_url),   NULL,      true,  "PostgreSQL 16 or newer: postgres://USER@HOST:PORT/DATABASE (required)" },
    { "channel_host",       "CHANNEL_HOST",       "channel_host",       CONFIG_STRING, AT(server.channel_host),   NULL,      false, "HOST or HOST:PORT under which agents reach that Postgres, where it is not DATABASE_URL's" },
    { "db_connections",     "DB_CONNECTIONS",     "db_connections",     CONFIG_INT,    AT(server.db_connections), "8",       false, "connections that serve requests; three more listen, read changes and keep the clock" },
    { "max_streams",        "MAX_STREAMS",        "max_streams",        CONFIG_INT,    AT(server.max_streams),    "20000",   false, "watches and agents' wake-up streams at a time" },
    { "watch_backlog",      "WATCH_BACKLOG",      "watch_backlog",      CONFIG_INT,    AT(server.watch_backlog),  "8192",    false, "KiB that one watch may be behind before it is cut off with 410" },
    { "otel_collector_url", "OTEL_COLLECTOR_URL", "otel_collector_url", CONFIG_STRING, AT(otel_collector_url),    NULL,      false, "accepted for compatibility; nothing is sent there yet" },
    { "debug",              "DEBUG",              "debug",              CONFIG_BOOL,   AT(server.debug),          "false",   false, "log more, and for people to read" },
};
/* clang-format on */

static void print_help(void)
{
    puts("Usage: cara-server [migrate] [flags]\n\n"
         "Serves the Caravanserai API from PostgreSQL. Brings the database's schema up to date "
         "first;\n"
         "`cara-server migrate` does only that.\n");
    config_print_help(options, ARRAY_LEN(options));
    puts("  -help\n  -version");
}

static bool is_flag(const char *arg, const char *name)
{
    return arg[0] == '-' && strcmp(arg + (arg[1] == '-' ? 2 : 1), name) == 0;
}

static int fail(const Err *err, int status)
{
    fprintf(stderr, "cara-server: %s\n", err->message);
    return status;
}

static int run(const ServerSettings *settings, bool migrate_only, Err *err)
{
    _cleanup_(server_database_done) ServerDatabase database = { 0 };

    if (settings->db_connections < 1 || settings->db_connections > 64)
        return err_set(err, ERR_INVALID, "db_connections must be from 1 to 64");
    if (settings->max_streams < 0 || settings->max_streams > 1000000)
        return err_set(err, ERR_INVALID, "max_streams must be from 0 to 1000000");
    if (settings->watch_backlog < 1 || settings->watch_backlog > 1024 * 1024)
        return err_set(err, ERR_INVALID, "watch_backlog must be from 1 to 1048576");
    if (server_prepare_database(settings, &database, err) < 0)
        return -1;
    return migrate_only ? 0 : server_run(settings, &database, err);
}

int main(int argc, char **argv)
{
    static Settings settings; /* reachable until the process is gone, as the server's parts are */
    Err err = { 0 };

    for (int i = 1; i < argc; i++) {
        if (is_flag(argv[i], "help") || is_flag(argv[i], "h")) {
            print_help();
            return 0;
        }
        if (is_flag(argv[i], "version")) {
            version_print("cara-server");
            return 0;
        }
    }
    bool migrate_only = argc > 1 && strcmp(argv[1], "migrate") == 0;
    int skip = migrate_only ? 1 : 0;
    int next =
        config_load(options, ARRAY_LEN(options),
                    &(ConfigSources){ .argc = argc - skip, .argv = argv + skip }, &settings, &err);
    if (next < 0)
        return fail(&err, err.status == CONFIG_USAGE ? 2 : 1);
    if (next < argc - skip) {
        if (migrate_only || strcmp(argv[next], "migrate") != 0 || next + 1 < argc) {
            err_set(&err, ERR_INVALID, "unexpected argument \"%s\": --help tells the usage",
                    argv[next + skip]);
            return fail(&err, 2);
        }
        migrate_only = true;
    }
    log_init("cara-server", settings.server.debug);
    if (settings.otel_collector_url != NULL && *settings.otel_collector_url != '\0')
        log_warn("otel_collector_url is set, but traces are not sent yet", NULL);
    int result = run(&settings.server, migrate_only, &err);
    config_done(options, ARRAY_LEN(options), &settings);
    return result < 0 ? fail(&err, 1) : 0;
}
