#include "database.h"

#include "cara/buf.h"
#include "cara/text.h"
#include "cara/time.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#define STOP_CHECK_MS 100

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

int database_check_url(const char *url, Err *err)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);

    PQfreemem(why); /* may quote a password */
    if (options == NULL)
        return err_set(err, ERR_INVALID,
                       "database_url is not a Postgres connection string: expected "
                       "postgres://USER@HOST:PORT/DATABASE");
    PQconninfoFree(options);
    return 0;
}

/* ---- why a connection failed ---- */

/* Finds "FATAL:  28P01: " in a verbose message; "" when Postgres itself did not speak. */
static void find_sqlstate(const char *message, char out[6])
{
    out[0] = '\0';
    for (const char *p = message; (p = strstr(p, ":  ")) != NULL; p += 3) {
        size_t n = 0;
        while (n < 5 && (isdigit((unsigned char)p[3 + n]) || isupper((unsigned char)p[3 + n])))
            n++;
        if (n == 5 && p[8] == ':') {
            memcpy(out, p + 3, 5);
            out[5] = '\0';
            return;
        }
    }
}

/* The part for people: the last line that says something, without severity, code and prefixes. */
static void find_reason(const char *message, char *out, size_t size)
{
    const char *start = message;
    const char *mark = strstr(message, "FATAL:  ");

    if (mark != NULL) {
        start = mark + 8;
        if (strlen(start) > 7 && start[5] == ':')
            start += 7;
    } else if ((mark = strstr(message, " failed: ")) != NULL) {
        start = mark + 9;
    }
    size_t n = strcspn(start, "\n");
    snprintf(out, size, "%.*s", (int)n, start);
}

typedef struct Refusal {
    const char *sqlstate;
    ErrKind kind;
    const char *advice;
} Refusal;

static const Refusal refusals[] = {
    { "28P01", ERR_DATABASE, "check the user and password in DATABASE_URL" },
    { "28000", ERR_DATABASE, "check the user in DATABASE_URL and the server's pg_hba.conf" },
    { "3D000", ERR_DATABASE, "create the database (createdb) or correct its name in DATABASE_URL" },
    { "42501", ERR_DATABASE, "grant the user CONNECT on the database" },
    { "53300", ERR_UNAVAILABLE, "raise max_connections or lower DB_CONNECTIONS" },
    { "57P03", ERR_UNAVAILABLE, "try again when it is up" },
};

static bool mentions_any(const char *message, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strstr(message, *words) != NULL)
            return true;
    return false;
}

static int explain_failure(const PGconn *conn, const char *message, Err *err)
{
    static const char *const no_password[] = { "no password supplied", NULL };
    static const char *const not_postgres[] = { "invalid response",
                                                "expected authentication request",
                                                "server closed the connection unexpectedly",
                                                "invalid length", NULL };
    const char *host = PQhost(conn);
    const char *port = PQport(conn);
    char sqlstate[6];
    char reason[256];

    find_sqlstate(message, sqlstate);
    find_reason(message, reason, sizeof(reason));
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (strcmp(sqlstate, refusals[i].sqlstate) == 0)
            return err_set(err, refusals[i].kind,
                           "Postgres at %s:%s refuses the connection: %s: %s", host, port, reason,
                           refusals[i].advice);
    if (sqlstate[0] != '\0')
        return err_set(err, ERR_UNAVAILABLE, "Postgres at %s:%s refuses the connection: %s (%s)",
                       host, port, reason, sqlstate);
    if (mentions_any(message, no_password))
        return err_set(err, ERR_DATABASE,
                       "Postgres at %s:%s wants a password: give one in DATABASE_URL", host, port);
    if (mentions_any(message, not_postgres))
        return err_set(
            err, ERR_UNAVAILABLE,
            "what answers at %s:%s does not speak Postgres' protocol: check host and port "
            "in DATABASE_URL",
            host, port);
    return err_set(err, ERR_UNAVAILABLE,
                   "cannot reach Postgres at %s:%s: %s: is it running, and is DATABASE_URL right?",
                   host, port, reason);
}

/* ---- connecting ---- */

/* Drives libpq's handshake. 0 when connected; -1 with *ret_timeout telling whether time ran out. */
static int finish_connecting(PGconn *conn, const atomic_bool *stop, bool *ret_timeout)
{
    int64_t deadline = time_monotonic_ms() + DATABASE_CONNECT_TIMEOUT_MS;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;

    *ret_timeout = false;
    if (PQstatus(conn) == CONNECTION_BAD)
        return -1;
    while (want != PGRES_POLLING_OK) {
        struct pollfd fd = { .fd = PQsocket(conn),
                             .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT };
        int n = poll(&fd, 1, STOP_CHECK_MS);
        if (n > 0) {
            want = PQconnectPoll(conn);
            if (want == PGRES_POLLING_FAILED)
                return -1;
        } else if (n < 0 && errno != EINTR) {
            return -1;
        }
        if (stop != NULL && atomic_load(stop))
            return -1;
        if (want != PGRES_POLLING_OK && time_monotonic_ms() > deadline) {
            *ret_timeout = true;
            return -1;
        }
    }
    return 0;
}

static int check_server(PGconn *conn, Err *err)
{
    _cleanup_(mem_freep) char *standby = NULL;
    _cleanup_(mem_freep) char *encoding = NULL;
    int version = PQserverVersion(conn);

    if (version < DATABASE_MIN_VERSION)
        return err_set(err, ERR_DATABASE,
                       "Postgres at %s:%s is version %d, which is too old: 16 or newer is needed",
                       PQhost(conn), PQport(conn), version / 10000);
    if (database_query(conn, "SELECT pg_is_in_recovery()", &standby, err) < 0 ||
        database_query(conn, "SHOW server_encoding", &encoding, err) < 0)
        return -1;
    if (standby != NULL && standby[0] == 't')
        return err_set(
            err, ERR_UNAVAILABLE,
            "Postgres at %s:%s is a read-only standby: point DATABASE_URL to the primary",
            PQhost(conn), PQport(conn));
    if (encoding != NULL && strcmp(encoding, "UTF8") != 0)
        return err_set(err, ERR_DATABASE,
                       "database \"%s\" has encoding %s: create one with ENCODING 'UTF8'",
                       PQdb(conn), encoding);
    return 0;
}

int database_connect(const char *url, const atomic_bool *stop, PGconn **ret, Err *err)
{
    /* what comes before dbname are defaults that the URL may override */
    static const char *const keywords[] = { "application_name",    "keepalives_idle",
                                            "keepalives_interval", "keepalives_count",
                                            "tcp_user_timeout",    "dbname",
                                            "client_encoding",     NULL };
    const char *const values[] = { "cara-server", "10", "5", "3", "15000", url, "UTF8", NULL };
    _cleanup_(PQfinishp) PGconn *conn = PQconnectStartParams(keywords, values, 1);
    bool timeout;

    if (conn == NULL)
        return err_set(err, ERR_SYSTEM, "out of memory");
    PQsetErrorVerbosity(conn,
                        PQERRORS_VERBOSE); /* the only way to learn the SQLSTATE of a refusal */
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    if (finish_connecting(conn, stop, &timeout) < 0)
        return explain_failure(conn, timeout ? "timeout expired" : PQerrorMessage(conn), err);
    PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
    if (check_server(conn, err) < 0)
        return -1;
    *ret = TAKE_PTR(conn);
    return 0;
}

int database_enter(PGconn *conn, const char *role, int statement_timeout_ms, Err *err)
{
    _cleanup_(mem_freep) char *sql =
        mem_printf("SET statement_timeout = %d; SET lock_timeout = 5000; SET TimeZone = 'UTC';"
                   "SET idle_in_transaction_session_timeout = 10000; SET jit = off;"
                   /* so that Postgres, too, finds out that this host is gone, and lets go of what
                      it held: locks, the clock */
                   "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;"
                   "SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000;"
                   "SET cara.notify = 'server'",
                   statement_timeout_ms);

    if (database_query(conn, sql, NULL, err) < 0)
        return -1;
    if (role == NULL)
        return 0;
    char *quoted = PQescapeIdentifier(conn, role, strlen(role));
    if (quoted == NULL)
        return err_set(err, ERR_DATABASE, "role name: %s", PQerrorMessage(conn));
    _cleanup_(mem_freep) char *set_role = mem_printf("SET ROLE %s", quoted);
    PQfreemem(quoted);
    return database_query(conn, set_role, NULL, err);
}

bool database_tells_of_change(const PGresult *notice)
{
    const char *sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

    return sqlstate != NULL && strcmp(sqlstate, "SR001") == 0;
}

/* ---- statements ---- */

int database_error(const PGresult *result, const PGconn *conn, Err *err)
{
    const char *sqlstate = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message =
        result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;

    if (sqlstate == NULL || message == NULL) {
        const char *said = PQerrorMessage(conn);
        return err_set(err, ERR_UNAVAILABLE, "connection to Postgres lost: %.*s",
                       (int)strcspn(said, "\n"), said);
    }
    return err_set(err, ERR_DATABASE, "%s (%s)", message, sqlstate);
}

int database_query(PGconn *conn, const char *sql, char **ret_value, Err *err)
{
    _cleanup_(PQclearp) PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        return database_error(result, conn, err);
    if (ret_value == NULL)
        return 0;
    bool null = PQntuples(result) == 0 || PQgetisnull(result, 0, 0);
    *ret_value = null ? NULL : mem_strdup(PQgetvalue(result, 0, 0));
    return 0;
}

/* ---- the address agents use ---- */

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
    for (; options != NULL && options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0 && options->val != NULL)
            return options->val;
    return "prefer";
}

static void add_member(Buf *out, const char *name, const char *value, size_t len)
{
    buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
    text_add_json(out, value, len);
}

char *database_endpoint(const PGconn *conn, const char *channel_host)
{
    PQconninfoOption *options = PQconninfo((PGconn *)conn);
    const char *host = channel_host != NULL && *channel_host != '\0' ? channel_host : PQhost(conn);
    const char *port = PQport(conn);
    size_t host_len = strlen(host);
    const char *colon = strrchr(host, ':');
    Buf out;

    /* "host:port", "[v6]:port"; a bare v6 address has more than one colon and no port */
    if (host == channel_host && colon != NULL &&
        (host[0] == '[' ? colon[-1] == ']' : strchr(host, ':') == colon)) {
        port = colon + 1;
        host_len = (size_t)(colon - host);
    }
    if (host_len > 2 && host[0] == '[' && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    }
    buf_init(&out, 4096);
    buf_add_str(&out, "{");
    add_member(&out, "host", host, host_len);
    add_member(&out, "port", port, strlen(port));
    add_member(&out, "dbname", PQdb(conn), strlen(PQdb(conn)));
    add_member(&out, "sslmode", option_value(options, "sslmode"),
               strlen(option_value(options, "sslmode")));
    buf_add_str(&out, "}");
    PQconninfoFree(options);
    return buf_take(&out);
}
