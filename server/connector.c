#include "connector.h"

#include "database.h"

#include "cara/log.h"
#include "cara/mem.h"
#include "cara/time.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 400 /* itself again within a second of Postgres' return */

struct Connector {
    const char *url;
    pthread_t thread;
    pthread_mutex_t lock; /* guards first, last */
    pthread_cond_t wake;
    ConnectorJob *first;
    ConnectorJob *last;
    atomic_bool stop;
    h2o_multithread_queue_t *queue;
    h2o_multithread_receiver_t receiver;
};

static ConnectorJob *take_job(Connector *connector)
{
    pthread_mutex_lock(&connector->lock);
    while (connector->first == NULL && !atomic_load(&connector->stop))
        pthread_cond_wait(&connector->wake, &connector->lock);
    ConnectorJob *job = connector->first;
    if (job != NULL)
        connector->first = job->next;
    pthread_mutex_unlock(&connector->lock);
    return job;
}

/* Between a half and the whole of the step, so that many servers do not come back in one beat. */
static void pause_jittered(Connector *connector, unsigned step_ms, unsigned *seed)
{
    unsigned ms = step_ms / 2 + (unsigned)rand_r(seed) % (step_ms / 2 + 1);
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&connector->lock);
    if (!atomic_load(&connector->stop))
        pthread_cond_timedwait(&connector->wake, &connector->lock, &until);
    pthread_mutex_unlock(&connector->lock);
}

static int open_one(Connector *connector, ConnectorJob *job, Err *err)
{
    _cleanup_(PQfinishp) PGconn *conn = NULL;

    if (database_connect(connector->url, &connector->stop, &conn, err) < 0 ||
        job->prepare(conn, job->arg, err) < 0)
        return -1;
    job->conn = TAKE_PTR(conn);
    return 0;
}

static void open_until_done(Connector *connector, ConnectorJob *job, unsigned *seed)
{
    unsigned step = BACKOFF_MIN_MS;
    int64_t since = 0;
    Err err = { 0 };

    while (!atomic_load(&connector->stop)) {
        if (open_one(connector, job, &err) == 0) {
            if (since != 0)
                log_info("database is back", "after_ms=%lld",
                         (long long)(time_monotonic_ms() - since));
            h2o_multithread_send_message(&connector->receiver, &job->message);
            return;
        }
        if (since == 0 && !atomic_load(&connector->stop)) {
            log_warn("database connection failed, trying again", "error=%s", err.message);
            since = time_monotonic_ms();
        }
        pause_jittered(connector, step, seed);
        step = step * 2 < BACKOFF_MAX_MS ? step * 2 : BACKOFF_MAX_MS;
    }
}

static void *run(void *arg)
{
    Connector *connector = arg;
    unsigned seed = (unsigned)time_monotonic_ms();
    ConnectorJob *job;

    while ((job = take_job(connector)) != NULL)
        open_until_done(connector, job, &seed);
    return NULL;
}

/* NULL when there is none left. */
static ConnectorJob *pop_job(h2o_linklist_t *messages)
{
    h2o_linklist_t *node = messages->next;

    if (node == messages)
        return NULL;
    messages->next = node->next;
    node->next->prev = messages;
    *node = (h2o_linklist_t){ 0 };
    h2o_multithread_message_t *message =
        H2O_STRUCT_FROM_MEMBER(h2o_multithread_message_t, link, node);
    return H2O_STRUCT_FROM_MEMBER(ConnectorJob, message, message);
}

/* On the loop. */
static void on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    ConnectorJob *job;

    (void)receiver;
    while ((job = pop_job(messages)) != NULL)
        job->opened(TAKE_PTR(job->conn), job->arg);
}

/* Connections that were opened but not handed over before the loop ended. The thread is gone. */
static void drop_undelivered(Connector *connector)
{
    ConnectorJob *job;

    while ((job = pop_job(&connector->receiver._messages)) != NULL)
        PQfinish(TAKE_PTR(job->conn));
}

int connector_new(const char *url, h2o_multithread_queue_t *queue, Connector **ret, Err *err)
{
    Connector *connector = mem_alloc(sizeof(*connector));

    connector->url = url;
    connector->queue = queue;
    pthread_mutex_init(&connector->lock, NULL);
    pthread_cond_init(&connector->wake, NULL);
    h2o_multithread_register_receiver(queue, &connector->receiver, on_messages);
    if (pthread_create(&connector->thread, NULL, run, connector) != 0) {
        h2o_multithread_unregister_receiver(queue, &connector->receiver);
        free(connector);
        return err_set(err, ERR_SYSTEM, "cannot start a thread");
    }
    *ret = connector;
    return 0;
}

void connector_open(Connector *connector, ConnectorJob *job)
{
    job->next = NULL;
    pthread_mutex_lock(&connector->lock);
    if (connector->first == NULL)
        connector->first = job;
    else
        connector->last->next = job;
    connector->last = job;
    pthread_cond_signal(&connector->wake);
    pthread_mutex_unlock(&connector->lock);
}

void connector_free(Connector *connector)
{
    if (connector == NULL)
        return;
    atomic_store(&connector->stop, true);
    pthread_mutex_lock(&connector->lock);
    connector->first = NULL;
    pthread_cond_signal(&connector->wake);
    pthread_mutex_unlock(&connector->lock);
    pthread_join(connector->thread, NULL);
    drop_undelivered(connector);
    h2o_multithread_unregister_receiver(connector->queue, &connector->receiver);
    pthread_mutex_destroy(&connector->lock);
    pthread_cond_destroy(&connector->wake);
    free(connector);
}
