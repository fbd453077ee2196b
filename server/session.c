#include "session.h"

#include "database.h"

#include "cara/mem.h"

#include <stdio.h>
#include <unistd.h>

#define NAME_SIZE 24

struct Session {
    SessionOptions options;
    PGconn *conn; /* NULL while it is being opened */
    h2o_socket_t *sock;
    PGresult *result; /* the answer so far: its end may come in a later packet */
    bool changed;     /* the query under way told of a change */
    ConnectorJob job;
};

static void name_statement(size_t statement, char out[static NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "s%zu", statement);
}

/* In the connector's thread. */
static int prepare(PGconn *conn, void *arg, Err *err)
{
    const Session *session = arg;
    const char *const *statements = session->options.statements;
    char name[NAME_SIZE];

    if (database_enter(conn, session->options.role, session->options.statement_timeout_ms, err) < 0)
        return -1;
    for (size_t i = 0; statements[i] != NULL; i++) {
        name_statement(i, name);
        _cleanup_(PQclearp) PGresult *result = PQprepare(conn, name, statements[i], 0, NULL);
        if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            database_error(result, conn, err);
            return err_prefix(err, "%s", statements[i]);
        }
    }
    if (session->options.listen != NULL &&
        database_query(conn, session->options.listen, NULL, err) < 0)
        return -1;
    if (PQsetnonblocking(conn, 1) != 0)
        return err_set(err, ERR_DATABASE, "%s", PQerrorMessage(conn));
    return 0;
}

static void close_connection(Session *session)
{
    if (session->conn == NULL)
        return;
    h2o_socket_close(session->sock);
    PQclear(session->result);
    PQfinish(session->conn);
    session->result = NULL;
    session->sock = NULL;
    session->conn = NULL;
}

static void replace(Session *session)
{
    close_connection(session);
    session->options.down(session->options.arg);
    connector_open(session->options.connector, &session->job);
}

static void on_writable(h2o_socket_t *sock, const char *error)
{
    Session *session = sock->data;
    int left = error != NULL ? -1 : PQflush(session->conn);

    if (left > 0)
        h2o_socket_notify_write(sock, on_writable);
    /* a failure shows when reading */
}

static void take_notifications(Session *session)
{
    PGnotify *notify;

    while ((notify = PQnotifies(session->conn)) != NULL) {
        if (session->options.notified != NULL)
            session->options.notified(session->options.arg, notify->be_pid);
        PQfreemem(notify);
    }
}

static void on_readable(h2o_socket_t *sock, const char *error)
{
    Session *session = sock->data;
    bool alive = error == NULL && PQconsumeInput(session->conn);
    bool complete = false;

    while (alive && !PQisBusy(session->conn)) {
        PGresult *result = PQgetResult(session->conn);
        if (result == NULL) {
            complete = session->result != NULL;
            break;
        }
        PQclear(session->result);
        session->result = result;
    }
    if (!alive || PQstatus(session->conn) != CONNECTION_OK) {
        replace(session);
        return;
    }
    take_notifications(session);
    if (complete) {
        _cleanup_(PQclearp) PGresult *answer = TAKE_PTR(session->result);
        if (session->changed && session->options.changed != NULL)
            session->options.changed(session->options.arg, PQbackendPID(session->conn));
        session->changed = false;
        session->options.answered(session->options.arg, answer);
    }
}

static void on_notice(void *arg, const PGresult *notice)
{
    Session *session = arg;

    if (database_tells_of_change(notice))
        session->changed = true;
}

static void opened(PGconn *conn, void *arg)
{
    Session *session = arg;
    int fd = dup(PQsocket(conn));

    if (fd < 0) {
        PQfinish(conn);
        connector_open(session->options.connector, &session->job);
        return;
    }
    session->conn = conn;
    session->changed = false;
    PQsetNoticeReceiver(conn, on_notice, session);
    session->sock = h2o_evloop_socket_create(session->options.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    session->sock->data = session;
    h2o_socket_read_start(session->sock, on_readable);
    session->options.up(session->options.arg);
}

Session *session_new(const SessionOptions *options)
{
    Session *session = mem_alloc(sizeof(*session));

    session->options = *options;
    session->job = (ConnectorJob){ .prepare = prepare, .opened = opened, .arg = session };
    connector_open(options->connector, &session->job);
    return session;
}

void session_free(Session *session)
{
    if (session == NULL)
        return;
    close_connection(session);
    free(session);
}

void session_query(Session *session, size_t statement, const char *const *params, int count)
{
    char name[NAME_SIZE];

    name_statement(statement, name);
    if (!PQsendQueryPrepared(session->conn, name, count, params, NULL, NULL, 0))
        return; /* the connection is gone: reading will tell */
    if (PQflush(session->conn) > 0)
        h2o_socket_notify_write(session->sock, on_writable);
}

int session_backend(const Session *session)
{
    return session->conn != NULL ? PQbackendPID(session->conn) : 0;
}
