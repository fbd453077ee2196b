/* wake DATABASE_URL AGENT_LOG PROJECT ROUNDS: for bench/wake.
 *
 * Each round commits twice: a bare NOTIFY that a connection of ours hears, and a change of the
 * project that the agent hears (and logs the moment of, on the same clock). Prints the medians in
 * microseconds, then a line with the spread.
 */
#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 5000
#define PAUSE_US    10000 /* before each step, so that nobody comes to it out of breath */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "wake: %s: %s\n", what, why);
    exit(1);
}

static PGconn *open_database(const char *url)
{
    PGconn *conn = PQconnectdb(url);

    if (PQstatus(conn) != CONNECTION_OK)
        die("connect", PQerrorMessage(conn));
    return conn;
}

static void run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        die(sql, PQerrorMessage(conn));
    PQclear(result);
}

/* ---- the bare side
 * ---------------------------------------------------------------------------------- */

typedef struct Listener {
    PGconn *conn;
    double heard;
    sem_t told;
} Listener;

static void *listen_thread(void *arg)
{
    Listener *listener = arg;

    for (;;) {
        struct pollfd fd = { .fd = PQsocket(listener->conn), .events = POLLIN };
        PGnotify *notify;
        poll(&fd, 1, -1);
        if (!PQconsumeInput(listener->conn))
            return NULL;
        while ((notify = PQnotifies(listener->conn)) != NULL) {
            listener->heard = now();
            PQfreemem(notify);
            sem_post(&listener->told);
        }
    }
}

static double bare_round(PGconn *conn, Listener *listener)
{
    struct timespec deadline;

    run(conn, "BEGIN");
    run(conn, "NOTIFY bench_wake");
    usleep(PAUSE_US);
    double began = now();
    run(conn, "COMMIT");
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += PATIENCE_MS / 1000;
    if (sem_timedwait(&listener->told, &deadline) != 0)
        die("the listener", "heard nothing");
    return listener->heard - began;
}

/* ---- the agent's side
 * --------------------------------------------------------------------------------- */

typedef struct Log {
    int fd;
    char rest[65536]; /* what follows the last whole line */
    size_t len;
} Log;

/* The moment in the next line that tells of a wake-up, or 0 when there is none yet. */
static double next_wake(Log *log)
{
    for (;;) {
        char *end = memchr(log->rest, '\n', log->len);
        if (end != NULL) {
            *end = '\0';
            const char *at = strstr(log->rest, "woken") != NULL ? strstr(log->rest, "at=") : NULL;
            double when = at != NULL ? strtod(at + 3, NULL) : 0;
            size_t used = (size_t)(end + 1 - log->rest);
            memmove(log->rest, end + 1, log->len - used);
            log->len -= used;
            if (when > 0)
                return when;
            continue;
        }
        ssize_t n = read(log->fd, log->rest + log->len, sizeof(log->rest) - log->len);
        if (n <= 0)
            return 0;
        log->len += (size_t)n;
    }
}

static double agent_round(PGconn *conn, Log *log, const char *project, int serial)
{
    char sql[1024];
    double woken;

    while (next_wake(log) > 0) /* of what went before */
        ;
    snprintf(
        sql, sizeof(sql),
        "SELECT api.project_update('%s', jsonb_set(api.project_get('%s')::jsonb #- '{status}', "
        "'{metadata,labels}', '{\"round\":\"%d-%d\"}'), 'bench')",
        project, project, (int)getpid(), serial);
    run(conn, "BEGIN");
    run(conn, sql);
    run(conn, "SET LOCAL synchronous_commit = off"); /* which the change log wants on */
    usleep(PAUSE_US);
    double began = now();
    run(conn, "COMMIT");
    for (int waited = 0; (woken = next_wake(log)) == 0; waited++) {
        if (waited > PATIENCE_MS)
            die("the agent", "was not woken");
        usleep(1000);
    }
    return woken - began;
}

/* -------------------------------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double percentile(const double *sorted, int count, int percent)
{
    return sorted[(count - 1) * percent / 100] * 1e6;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        die("usage", "wake DATABASE_URL AGENT_LOG PROJECT ROUNDS");
    int rounds = (int)strtol(argv[4], NULL, 10);
    double *bare = calloc((size_t)rounds, sizeof(double));
    double *agent = calloc((size_t)rounds, sizeof(double));
    Log log = { .fd = open(argv[2], O_RDONLY) };
    PGconn *conn = open_database(argv[1]);
    Listener listener = { .conn = open_database(argv[1]) };
    pthread_t thread;

    if (bare == NULL || agent == NULL || log.fd < 0)
        die(argv[2], "cannot be read");
    run(conn, "SET synchronous_commit = off"); /* a bare NOTIFY never waits for the disk */
    sem_init(&listener.told, 0, 0);
    run(listener.conn, "LISTEN bench_wake");
    pthread_create(&thread, NULL, listen_thread, &listener);
    for (int i = 0; i < rounds; i++) {
        usleep(PAUSE_US);
        bare[i] = bare_round(conn, &listener);
        usleep(PAUSE_US);
        agent[i] = agent_round(conn, &log, argv[3], i);
    }
    qsort(bare, (size_t)rounds, sizeof(double), compare);
    qsort(agent, (size_t)rounds, sizeof(double), compare);
    printf("%.0f %.0f\n", percentile(bare, rounds, 50), percentile(agent, rounds, 50));
    printf("        bare p10 %.0f p90 %.0f us, agent p10 %.0f p90 %.0f us\n",
           percentile(bare, rounds, 10), percentile(bare, rounds, 90),
           percentile(agent, rounds, 10), percentile(agent, rounds, 90));
    return 0;
}
