#include "pool.h"

#include "database.h"

#include "cara/log.h"
#include "cara/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct PoolCall {
    PoolCall *next;
    Pool *pool;
    size_t statement;
    size_t count;
    const char *params[POOL_MAX_PARAMS];
    PoolDone done; /* NULL once cancelled */
    void *arg;
    PGresult *result; /* what has come so far: final only when the pipeline's sync arrives */
    bool retried;
};

typedef struct CallList {
    PoolCall *first;
    PoolCall *last;
    size_t count;
} CallList;

typedef struct Link {
    Pool *pool;
    PGconn *conn;       /* NULL while it is being opened */
    h2o_socket_t *sock; /* watches a duplicate of libpq's socket */
    CallList under_way;
    bool lost;    /* to be replaced at the next turn of the loop */
    bool changed; /* the call whose answer is coming in told of a change */
    ConnectorJob job;
} Link;

struct Pool {
    PoolOptions options;
    Link *links;
    size_t open;
    CallList waiting[POOL_LINES];
    PoolLine turn; /* the line that had the last one */
    h2o_timeout_t soon;
    h2o_timeout_entry_t replace_entry;
};

/* ---- lists of calls ---- */

static void list_append(CallList *list, PoolCall *call)
{
    call->next = NULL;
    if (list->first == NULL)
        list->first = call;
    else
        list->last->next = call;
    list->last = call;
    list->count++;
}

static void list_prepend(CallList *list, PoolCall *call)
{
    call->next = list->first;
    if (list->first == NULL)
        list->last = call;
    list->first = call;
    list->count++;
}

static PoolCall *list_pop(CallList *list)
{
    PoolCall *call = list->first;

    list->first = call->next;
    list->count--;
    return call;
}

static void call_free(PoolCall *call)
{
    PQclear(call->result);
    free(call);
}

/* ---- sending ---- */

static void name_statement(size_t statement, char out[static 24])
{
    snprintf(out, 24, "r%zu", statement);
}

/* Nothing is torn down in the middle of a call: the loop does it at its next turn. */
static void mark_lost(Link *link)
{
    link->lost = true;
    if (!h2o_timeout_is_linked(&link->pool->replace_entry))
        h2o_timeout_link(link->pool->options.loop, &link->pool->soon, &link->pool->replace_entry);
}

static void on_writable(h2o_socket_t *sock, const char *error);

static void flush(Link *link)
{
    int left = PQflush(link->conn);

    if (left < 0)
        mark_lost(link);
    else if (left > 0 && !h2o_socket_is_writing(link->sock))
        h2o_socket_notify_write(link->sock, on_writable);
}

static void on_writable(h2o_socket_t *sock, const char *error)
{
    Link *link = sock->data;

    if (error != NULL)
        mark_lost(link);
    else
        flush(link);
}

static int send_call(Link *link, PoolCall *call)
{
    char name[24];

    name_statement(call->statement, name);
    if (!PQsendQueryPrepared(link->conn, name, (int)call->count, call->params, NULL, NULL, 0) ||
        !PQpipelineSync(link->conn)) {
        mark_lost(link);
        return -1;
    }
    list_append(&link->under_way, call);
    flush(link);
    return 0;
}

/* The connection with the fewest calls under way, NULL when all are full or down. */
static Link *pick_link(Pool *pool)
{
    Link *best = NULL;

    for (size_t i = 0; i < pool->options.connections; i++) {
        Link *link = &pool->links[i];
        if (link->conn == NULL || link->lost || link->under_way.count >= POOL_DEPTH)
            continue;
        if (best == NULL || link->under_way.count < best->under_way.count)
            best = link;
    }
    return best;
}

static CallList *line_of(Pool *pool, const PoolCall *call)
{
    return &pool->waiting[pool->options.line(call->statement)];
}

static bool is_anyone_waiting(const Pool *pool)
{
    for (size_t i = 0; i < POOL_LINES; i++)
        if (pool->waiting[i].first != NULL)
            return true;
    return false;
}

/* Someone is waiting. */
static PoolCall *pop_next(Pool *pool)
{
    do
        pool->turn = (pool->turn + 1) % POOL_LINES;
    while (pool->waiting[pool->turn].first == NULL);
    return list_pop(&pool->waiting[pool->turn]);
}

static void send_waiting(Pool *pool)
{
    Link *link;

    while (is_anyone_waiting(pool) && (link = pick_link(pool)) != NULL) {
        PoolCall *call = pop_next(pool);
        if (call->done == NULL)
            call_free(call);
        else if (send_call(link, call) < 0)
            list_prepend(line_of(pool, call), call);
    }
}

/* ---- receiving ---- */

static bool is_any_of(const char *sqlstate, const char *const *list)
{
    for (; sqlstate != NULL && *list != NULL; list++)
        if (strcmp(sqlstate, *list) == 0)
            return true;
    return false;
}

static void on_notice(void *arg, const PGresult *notice)
{
    Link *link = arg;

    if (database_tells_of_change(notice))
        link->changed = true;
}

static void tell_of_change(Link *link)
{
    const PoolOptions *options = &link->pool->options;

    link->changed = false;
    if (options->changed != NULL)
        options->changed(options->changed_arg, PQbackendPID(link->conn));
}

static void finish(Link *link, PoolCall *call)
{
    static const char *const by_others[] = { "40001", "40P01", "55P03", NULL };
    static const char *const demoted[] = { "25006", NULL }; /* this Postgres is a standby now */
    const char *sqlstate = PQresultErrorField(call->result, PG_DIAG_SQLSTATE);

    if (is_any_of(sqlstate, demoted))
        mark_lost(link);
    if (is_any_of(sqlstate, by_others) && !call->retried && call->done != NULL) {
        PQclear(call->result);
        call->result = NULL;
        call->retried = true;
        list_append(line_of(link->pool, call), call);
        return;
    }
    if (call->done != NULL)
        call->done(call->arg, TAKE_PTR(call->result));
    call_free(call);
}

/* An answer is final only at its sync: the commit comes after the row, and may still fail. */
static void take_result(Link *link, PGresult *result)
{
    PoolCall *call = link->under_way.first;

    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        if (link->changed)
            tell_of_change(link);
        finish(link, list_pop(&link->under_way));
    } else if (call->result == NULL || PQresultStatus(result) == PGRES_FATAL_ERROR) {
        PQclear(call->result);
        call->result = result;
    } else {
        PQclear(result);
    }
}

static void on_readable(h2o_socket_t *sock, const char *error)
{
    Link *link = sock->data;
    bool alive = error == NULL && PQconsumeInput(link->conn);

    while (link->under_way.first != NULL && PQstatus(link->conn) == CONNECTION_OK &&
           !PQisBusy(link->conn)) {
        PGresult *result = PQgetResult(link->conn);
        if (result != NULL)
            take_result(link, result);
    }
    if (!alive || PQstatus(link->conn) != CONNECTION_OK)
        mark_lost(link);
    else
        flush(link); /* libpq may have had to wait for room while reading */
    send_waiting(link->pool);
}

/* ---- opening and replacing connections ---- */

int pool_prepare(PGconn *conn, const PoolOptions *options, Err *err)
{
    char name[24];

    if (database_enter(conn, options->role, options->statement_timeout_ms, err) < 0)
        return -1;
    for (size_t i = 0; i < options->statement_count; i++) {
        if (options->statements[i] == NULL)
            continue;
        name_statement(i, name);
        _cleanup_(PQclearp) PGresult *result =
            PQprepare(conn, name, options->statements[i], 0, NULL);
        if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            database_error(result, conn, err);
            return err_prefix(err, "%s", options->statements[i]);
        }
    }
    return 0;
}

/* In the connector's thread. */
static int prepare_link(PGconn *conn, void *arg, Err *err)
{
    const Link *link = arg;

    if (pool_prepare(conn, &link->pool->options, err) < 0)
        return -1;
    if (PQsetnonblocking(conn, 1) != 0 || !PQenterPipelineMode(conn))
        return err_set(err, ERR_DATABASE, "pipeline mode: %s", PQerrorMessage(conn));
    return 0;
}

static void link_opened(PGconn *conn, void *arg)
{
    Link *link = arg;
    int fd = dup(PQsocket(conn));

    if (fd < 0) {
        PQfinish(conn);
        connector_open(link->pool->options.connector, &link->job);
        return;
    }
    link->conn = conn;
    link->lost = false;
    link->changed = false;
    PQsetNoticeReceiver(conn, on_notice, link);
    link->sock = h2o_evloop_socket_create(link->pool->options.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    link->sock->data = link;
    link->pool->open++;
    h2o_socket_read_start(link->sock, on_readable);
    send_waiting(link->pool);
}

static void link_close(Link *link)
{
    if (link->conn == NULL)
        return;
    h2o_socket_close(link->sock);
    PQfinish(link->conn);
    link->sock = NULL;
    link->conn = NULL;
    link->pool->open--;
}

static void fail_calls(CallList *list)
{
    while (list->first != NULL) {
        PoolCall *call = list_pop(list);
        if (call->done != NULL)
            call->done(call->arg, NULL);
        call_free(call);
    }
}

static void replace_lost(h2o_timeout_entry_t *entry)
{
    Pool *pool = H2O_STRUCT_FROM_MEMBER(Pool, replace_entry, entry);

    for (size_t i = 0; i < pool->options.connections; i++) {
        Link *link = &pool->links[i];
        if (!link->lost || link->conn == NULL)
            continue;
        const char *why = PQerrorMessage(link->conn);
        log_warn("database connection lost", "requests=%zu error=%.*s", link->under_way.count,
                 (int)strcspn(why, "\n"), why);
        if (link->under_way.count > 0) /* nobody knows whether they were committed */
            tell_of_change(link);
        link_close(link);
        fail_calls(&link->under_way);
        connector_open(pool->options.connector, &link->job);
    }
    if (pool->open == 0)
        for (size_t i = 0; i < POOL_LINES; i++)
            fail_calls(&pool->waiting[i]);
    else
        send_waiting(pool);
}

/* ---- the outside ---- */

Pool *pool_new(const PoolOptions *options)
{
    Pool *pool = mem_alloc(sizeof(*pool));

    pool->options = *options;
    pool->links = mem_alloc(options->connections * sizeof(*pool->links));
    h2o_timeout_init(options->loop, &pool->soon, 0);
    pool->replace_entry.cb = replace_lost;
    for (size_t i = 0; i < options->connections; i++) {
        Link *link = &pool->links[i];
        link->pool = pool;
        link->job = (ConnectorJob){ .prepare = prepare_link, .opened = link_opened, .arg = link };
        connector_open(options->connector, &link->job);
    }
    return pool;
}

void pool_free(Pool *pool)
{
    if (pool == NULL)
        return;
    for (size_t i = 0; i < pool->options.connections; i++) {
        link_close(&pool->links[i]);
        while (pool->links[i].under_way.first != NULL)
            call_free(list_pop(&pool->links[i].under_way));
    }
    while (is_anyone_waiting(pool))
        call_free(pop_next(pool));
    h2o_timeout_unlink(&pool->replace_entry);
    h2o_timeout_dispose(pool->options.loop, &pool->soon);
    free(pool->links);
    free(pool);
}

size_t pool_open_count(const Pool *pool)
{
    return pool->open;
}

PoolCall *pool_call(Pool *pool, size_t statement, const char *const *params, size_t count,
                    PoolDone done, void *arg)
{
    CallList *line = &pool->waiting[pool->options.line(statement)];

    if (pool->open == 0 || line->count >= POOL_QUEUE_MAX || count > POOL_MAX_PARAMS)
        return NULL;
    PoolCall *call = mem_alloc(sizeof(*call));
    *call = (PoolCall){
        .pool = pool, .statement = statement, .count = count, .done = done, .arg = arg
    };
    memcpy(call->params, params, count * sizeof(*params));
    Link *link = is_anyone_waiting(pool) ? NULL : pick_link(pool);
    if (link == NULL || send_call(link, call) < 0)
        list_append(line, call);
    return call;
}

void pool_cancel(PoolCall *call)
{
    call->done = NULL;
}
