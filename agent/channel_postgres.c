#include "channel_ops.h"

#include "cara/time.h"

#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#define OPEN_TIMEOUT_MS 5000 /* for all of it: heartbeats wait meanwhile */

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

/* Whoever takes the connection and then says nothing: a pooler, a balancer, a frozen Postgres. No
 * ERR_UNAVAILABLE, as the server is there. */
static int give_up(Err *err, const char *doing)
{
    return err_set(err, ERR_DATABASE, "%s: no answer within %d s", doing, OPEN_TIMEOUT_MS / 1000);
}

static bool wait_for_socket(const PGconn *conn, short events, int64_t deadline)
{
    struct pollfd fd = { .fd = PQsocket(conn), .events = events };
    int64_t left;

    while ((left = deadline - time_monotonic_ms()) > 0)
        if (poll(&fd, 1, (int)left) > 0)
            return true;
    return false;
}

/* A line that is cut without a word is noticed within half a minute; the slow poll works meanwhile.
 */
static PGconn *start_connecting(const char *conninfo)
{
    static const char *const keys[] = {
        "dbname",           "keepalives_idle",  "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", NULL
    };
    const char *const values[] = { conninfo, "10", "5", "3", "25000", NULL };

    return PQconnectStartParams(keys, values, 1);
}

static int finish_connecting(PGconn *conn, int64_t deadline, Err *err)
{
    static const char doing[] = "connect to the wake-up channel";
    PostgresPollingStatusType want =
        PQstatus(conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;

    while (want != PGRES_POLLING_OK) {
        if (want == PGRES_POLLING_FAILED)
            return refuse(conn, err, doing);
        if (!wait_for_socket(conn, want == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
            return give_up(err, doing);
        want = PQconnectPoll(conn);
    }
    return 0;
}

/* Sends the one command there is and takes all of its answer, so that nothing is under way after
 * it. */
static int run_command(PGconn *conn, const char *command, int64_t deadline, Err *err)
{
    static const char doing[] = "listen on the wake-up channel";
    bool done = false;

    if (PQsetnonblocking(conn, 1) < 0 || PQsendQuery(conn, command) == 0)
        return refuse(conn, err, doing);
    for (;;) {
        int unsent = PQflush(conn);
        if (unsent < 0)
            return refuse(conn, err, doing);
        if (PQisBusy(conn)) {
            if (!wait_for_socket(conn, unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline))
                return give_up(err, doing);
            if (PQconsumeInput(conn) == 0)
                return refuse(conn, err, doing);
            continue;
        }
        PGresult *result = PQgetResult(conn);
        if (result == NULL)
            return done ? 0 : refuse(conn, err, doing);
        done = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
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
    int64_t deadline = time_monotonic_ms() + OPEN_TIMEOUT_MS;

    channel->base.ops = &ops;
    channel->conn = start_connecting(conninfo);
    PQsetNoticeProcessor(channel->conn, ignore_notice, NULL);
    if (finish_connecting(channel->conn, deadline, err) < 0)
        return -1;
    char *quoted = PQescapeIdentifier(channel->conn, name, strlen(name));
    _cleanup_(mem_freep) char *command = mem_printf("LISTEN %s", quoted != NULL ? quoted : "\"\"");
    PQfreemem(quoted);
    if (run_command(channel->conn, command, deadline, err) < 0)
        return -1;
    *ret = TAKE_PTR(closing);
    return 0;
}
