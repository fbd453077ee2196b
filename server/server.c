#include "server.h"

#include "answer.h"
#include "bus.h"
#include "clock.h"
#include "connector.h"
#include "database.h"
#include "dispatch.h"
#include "hub.h"
#include "listener.h"
#include "migrate.h"
#include "pool.h"
#include "refusal.h"

#include "cara/log.h"
#include "cara/mem.h"
#include "cara/time.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define BODY_MAX_BYTES       ((size_t)4 * 1024 * 1024)
#define REQUEST_TIMEOUT_MS   75000 /* head and body, and how long an idle connection is kept */
#define STATEMENT_TIMEOUT_MS 15000
#define DRAIN_MS             5000

typedef struct Server {
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept_ctx;
    h2o_loop_t *loop;
    Connector *connector;
    Pool *pool;
    Bus *bus;
    Clock *clock;
    Hub *hub;
    Dispatch *dispatch;
    Listener *listener;
    h2o_socket_t *signals;
    int ending; /* the signal that asked for it; 0: none did */
} Server;

/* ---- the database at start ---- */

static PoolOptions pool_options(const ServerSettings *settings, const ServerDatabase *database)
{
    return (PoolOptions){
        .connections = (size_t)settings->db_connections,
        .role = database->role,
        .statements = dispatch_statements(),
        .statement_count = dispatch_statement_count(),
        .line = dispatch_line,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
    };
}

static int migrate_and_report(PGconn *conn, Err *err)
{
    MigrateReport report;

    if (migrate_run(conn, &report, err) < 0)
        return -1;
    if (report.applied > 0 || report.replaced > 0)
        log_info("database migrated", "version=%d migrations=%d", report.version, report.applied);
    return 0;
}

int server_prepare_database(const ServerSettings *settings, ServerDatabase *ret, Err *err)
{
    _cleanup_(PQfinishp) PGconn *conn = NULL;
    _cleanup_(server_database_done) ServerDatabase database = { 0 };

    if (settings->database_url == NULL || *settings->database_url == '\0')
        return err_set(
            err, ERR_INVALID,
            "database_url is required: set DATABASE_URL, -database_url or database_url in "
            "config.yaml to postgres://USER@HOST:PORT/DATABASE");
    if (database_check_url(settings->database_url, err) < 0 ||
        database_connect(settings->database_url, NULL, &conn, err) < 0 ||
        migrate_and_report(conn, err) < 0 ||
        database_query(conn, "SELECT api.server_role()", &database.role, err) < 0)
        return -1;
    if (database.role == NULL)
        log_warn(
            "the database's role lacks CREATEROLE: this server keeps all its rights and agents "
            "are woken by it alone",
            "user=%s", PQuser(conn));
    database.endpoint = database_endpoint(conn, settings->channel_host);
    PoolOptions options = pool_options(settings, &database);
    if (pool_prepare(conn, &options, err) < 0)
        return err_prefix(err, "the database's functions do not fit this cara-server");
    *ret = database;
    database = (ServerDatabase){ 0 };
    return 0;
}

void server_database_done(ServerDatabase *database)
{
    free(database->role);
    free(database->endpoint);
    *database = (ServerDatabase){ 0 };
}

/* ---- signals ---- */

static void on_signal(h2o_socket_t *sock, const char *error)
{
    Server *server = sock->data;
    struct signalfd_siginfo info;

    if (error != NULL || read(h2o_socket_get_fd(sock), &info, sizeof(info)) != sizeof(info))
        return;
    if (server->ending != 0) /* the second one means now */
        _exit(1);
    server->ending = (int)info.ssi_signo;
}

static int watch_signals(Server *server, Err *err)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "signalfd: %s", strerror(errno));
    server->signals = h2o_evloop_socket_create(server->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    server->signals->data = server;
    h2o_socket_read_start(server->signals, on_signal);
    return 0;
}

/* ---- the loop ---- */

static int run_once(Server *server, int32_t max_wait_ms, Err *err)
{
    if (h2o_evloop_run(server->loop, max_wait_ms) != 0 && errno != EINTR)
        return err_set(err, ERR_SYSTEM, "event loop: %s", strerror(errno));
    return 0;
}

static void set_up_http(Server *server)
{
    h2o_config_init(&server->config);
    server->config.server_name = (h2o_iovec_t){ NULL, 0 };
    server->config.max_request_entity_size = BODY_MAX_BYTES;
    server->config.http1.req_timeout = REQUEST_TIMEOUT_MS;
    server->config.http1.upgrade_to_http2 = 0; /* this libh2o predates the rapid-reset fix */
    h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    server->loop = h2o_evloop_create();
}

static h2o_pathconf_t *the_path(Server *server)
{
    return &server->config.hosts[0]->fallback_path; /* everything, refusals of libh2o included */
}

/* Streams leave a quarter of the connections to requests. */
static size_t stream_limit(const ServerSettings *settings)
{
    size_t room = listener_connection_limit() / 4 * 3;
    size_t wanted = (size_t)settings->max_streams;

    if (wanted > room)
        log_info("fewer streams than MAX_STREAMS: raise the limit on open files (ulimit -n)",
                 "streams=%zu", room);
    return wanted < room ? wanted : room;
}

static void on_changed(void *arg, int backend)
{
    bus_mark(arg, backend);
}

static int set_up_database(Server *server, const ServerSettings *settings,
                           const ServerDatabase *database, Err *err)
{
    if (connector_new(settings->database_url, server->context.queue, &server->connector, err) < 0)
        return -1;
    server->bus = bus_new(server->loop, server->connector, database->role);
    PoolOptions options = pool_options(settings, database);
    options.loop = server->loop;
    options.connector = server->connector;
    options.changed = on_changed;
    options.changed_arg = server->bus;
    server->pool = pool_new(&options);
    server->hub = hub_new(&(HubOptions){
        .loop = server->loop,
        .connector = server->connector,
        .role = database->role,
        .bus = server->bus,
        .max_behind = (size_t)settings->watch_backlog * 1024,
    });
    server->clock = clock_new(server->loop, server->connector, database->role, server->bus);
    return 0;
}

static int serve(Server *server, const ServerSettings *settings, Err *err)
{
    while (pool_open_count(server->pool) == 0 && server->ending == 0)
        if (run_once(server, INT32_MAX, err) < 0)
            return -1;
    if (listener_new(&server->accept_ctx, server->loop, settings->host, settings->port,
                     &server->listener, err) < 0)
        return -1;
    bool v6 = strchr(settings->host, ':') != NULL;
    char event[320];
    snprintf(event, sizeof(event), "Listening on %s%s%s:%d", v6 ? "[" : "", settings->host,
             v6 ? "]" : "", settings->port);
    log_info(event, "connections=%d", settings->db_connections);
    while (server->ending == 0)
        if (run_once(server, INT32_MAX, err) < 0)
            return -1;
    return 0;
}

static int drain(Server *server, Err *err)
{
    int64_t deadline = time_monotonic_ms() + DRAIN_MS;

    listener_free(TAKE_PTR(server->listener));
    log_info("ending", "signal=%s", strsignal(server->ending));
    h2o_context_request_shutdown(&server->context);
    dispatch_drain(server->dispatch);
    do {
        int64_t left = deadline - time_monotonic_ms();
        if (left <= 0) {
            log_warn("requests cut off", "requests=%zu", dispatch_active(server->dispatch));
            return 0;
        }
        if (run_once(server, dispatch_active(server->dispatch) > 0 ? (int32_t)left : 0, err) < 0)
            return -1;
    } while (dispatch_active(server->dispatch) > 0);
    return 0;
}

int server_run(const ServerSettings *settings, const ServerDatabase *database, Err *err)
{
    static Server server; /* libh2o's connections may point into it until the process is gone */

    set_up_http(&server);
    if (watch_signals(&server, err) < 0)
        return -1;
    refusal_register(the_path(&server), server.loop);
    answer_init(server.loop);
    h2o_context_init(&server.context, server.loop, &server.config);
    server.accept_ctx.ctx = &server.context;
    server.accept_ctx.hosts = server.config.hosts;
    if (set_up_database(&server, settings, database, err) < 0)
        return -1;
    DispatchOptions options = {
        .loop = server.loop,
        .pool = server.pool,
        .hub = server.hub,
        .endpoint = database->endpoint,
        .max_streams = stream_limit(settings),
    };
    server.dispatch = dispatch_register(the_path(&server), &options);
    int result = serve(&server, settings, err);
    if (result == 0)
        result = drain(&server, err);
    connector_free(server.connector);
    clock_free(server.clock);
    hub_free(server.hub);
    bus_free(server.bus);
    pool_free(server.pool);
    if (result == 0)
        log_info("ended", NULL);
    return result;
}
