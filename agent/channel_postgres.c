#include "channel_ops.h"

#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

typedef struct PostgresChannel {
    AgentChannel base;
    PGconn *conn;
} PostgresChannel;

/* libpq's messages end in a newline and may go on for several lines: the first says it. */
static int refuse(PGconn *conn, Err *err, const char *doing)
{
    const char *message = PQerrorMessage(conn);

    return err_set(err, ERR_DATABASE, "%s: %.*s", doing, (int)strcspn(message, "\n"), message);
}

/* A line that is cut without a word is noticed within half a minute; the slow poll works meanwhile.
 */
static PGconn *connect_to(const char *conninfo)
{
    static const char *const keys[] = { "dbname",
                                        "connect_timeout",
                                        "keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "tcp_user_timeout",
                                        NULL };
    const char *const values[] = { conninfo, "5", "10", "5", "3", "25000", NULL };

    return PQconnectdbParams(keys, values, 1);
}

/* A session that is ended is told so by a notice, which libpq would print: the loss is logged. */
static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static void close_postgres(AgentChannel *base)
{
    PostgresChannel *channel = (PostgresChannel *)base;

    PQfinish(channel->conn);
    free(channel);
}

static bool wait_for_postgres(AgentChannel *base, int fd, int wait_ms)
{
    const PostgresChannel *channel = (const PostgresChannel *)base;
    struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
                            { .fd = PQsocket(channel->conn), .events = POLLIN } };

    return poll(fds, 2, wait_ms) > 0 && fds[0].revents != 0;
}

static int read_postgres(AgentChannel *base, bool *ret_woken, Err *err)
{
    PostgresChannel *channel = (PostgresChannel *)base;
    PGnotify *notify;
    bool woken = false;

    if (PQconsumeInput(channel->conn) == 0 || PQstatus(channel->conn) != CONNECTION_OK)
        return refuse(channel->conn, err, "read the wake-up channel");
    while ((notify = PQnotifies(channel->conn)) != NULL) {
        woken = true;
        PQfreemem(notify);
    }
    *ret_woken = woken;
    return 0;
}

static const ChannelOps ops = { .close = close_postgres,
                                .wait = wait_for_postgres,
                                .read = read_postgres };

int agent_channel_open_postgres(const char *conninfo, const char *name, AgentChannel **ret,
                                Err *err)
{
    PostgresChannel *channel = mem_alloc(sizeof(*channel));
    _cleanup_(agent_channel_closep) AgentChannel *closing = &channel->base;

    channel->base.ops = &ops;
    channel->conn = connect_to(conninfo);
    if (PQstatus(channel->conn) != CONNECTION_OK)
        return refuse(channel->conn, err, "connect to the wake-up channel");
    PQsetNoticeProcessor(channel->conn, ignore_notice, NULL);
    char *quoted = PQescapeIdentifier(channel->conn, name, strlen(name));
    _cleanup_(mem_freep) char *command = mem_printf("LISTEN %s", quoted != NULL ? quoted : "\"\"");
    PQfreemem(quoted);
    PGresult *result = PQexec(channel->conn, command);
    bool listening = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (!listening)
        return refuse(channel->conn, err, "listen on the wake-up channel");
    *ret = TAKE_PTR(closing);
    return 0;
}
