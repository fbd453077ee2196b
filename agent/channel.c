#include "channel.h"

#include <libpq-fe.h>
#include <string.h>

struct AgentChannel {
    PGconn *conn;
};

/* libpq's messages end in a newline and may go on for several lines: the first says it. */
static int refuse(PGconn *conn, Err *err, const char *doing)
{
    const char *message = PQerrorMessage(conn);

    return err_set(err, ERR_UNAVAILABLE, "%s: %.*s", doing, (int)strcspn(message, "\n"), message);
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

int agent_channel_open(const char *conninfo, const char *name, AgentChannel **ret, Err *err)
{
    _cleanup_(agent_channel_closep) AgentChannel *channel = mem_alloc(sizeof(*channel));

    channel->conn = connect_to(conninfo);
    if (PQstatus(channel->conn) != CONNECTION_OK)
        return refuse(channel->conn, err, "connect to the wake-up channel");
    char *quoted = PQescapeIdentifier(channel->conn, name, strlen(name));
    _cleanup_(mem_freep) char *command = mem_printf("LISTEN %s", quoted != NULL ? quoted : "\"\"");
    PQfreemem(quoted);
    PGresult *result = PQexec(channel->conn, command);
    bool listening = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (!listening)
        return refuse(channel->conn, err, "listen on the wake-up channel");
    *ret = TAKE_PTR(channel);
    return 0;
}

void agent_channel_close(AgentChannel *channel)
{
    if (channel == NULL)
        return;
    PQfinish(channel->conn);
    free(channel);
}

int agent_channel_fd(const AgentChannel *channel)
{
    return PQsocket(channel->conn);
}

int agent_channel_read(AgentChannel *channel, bool *ret_woken, Err *err)
{
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
