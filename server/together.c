#include "together.h"

#include "cara/buf.h"
#include "cara/mem.h"

#include <string.h>

struct TogetherCall {
    TogetherCall *next; /* of those that wait, or of those it went with */
    Together *together;
    const char *body;
    const char *actor;
    PoolDone done; /* NULL once cancelled */
    void *arg;
    PoolCall *alone; /* while it is called alone */
    bool again;      /* after it went together: it took the place of none that waits */
};

/* Calls that went as one. */
typedef struct Company {
    Together *together;
    TogetherCall *first;
    size_t count;
    char *bodies; /* an array of texts */
    char *actor;
} Company;

struct Together {
    Pool *pool;
    size_t alone;
    size_t each;
    TogetherCall *first; /* who waits */
    TogetherCall *last;
    size_t waiting;
    size_t under_way; /* companies, and who is called alone */
    size_t gone;      /* calls in those companies */
    size_t crowd;     /* the most that waited or had gone at a time lately */
    h2o_loop_t *loop;
    h2o_timeout_t soon;
    h2o_timeout_entry_t soon_entry;
    h2o_timeout_t patience;
    h2o_timeout_entry_t patience_entry;
};

static void send_soon(Together *together);

static void finish(TogetherCall *call, PGresult *result)
{
    if (call->done != NULL)
        call->done(call->arg, result);
    else
        PQclear(result);
    free(call);
}

/* ---- alone ---- */

static void on_alone(void *arg, PGresult *result)
{
    TogetherCall *call = arg;
    Together *together = call->together;

    together->under_way -= !call->again;
    finish(call, result);
    send_soon(together);
}

static int send_alone(TogetherCall *call)
{
    const char *params[] = { call->body, call->actor };

    call->alone = pool_call(call->together->pool, call->together->alone, params, 2, on_alone, call);
    if (call->alone == NULL)
        return -1;
    call->together->under_way += !call->again;
    return 0;
}

/* ---- together ---- */

/* One row of a result as a result of its own. */
static PGresult *take_row(const PGresult *from, int row)
{
    PGresult *result = PQcopyResult(from, PG_COPYRES_ATTRS);

    if (result == NULL ||
        !PQsetvalue(result, 0, 0, PQgetvalue(from, row, 0), PQgetlength(from, row, 0)))
        abort(); /* out of memory, as everywhere */
    return result;
}

static void answer_alone(TogetherCall *call)
{
    call->again = true;
    if (call->done == NULL || send_alone(call) < 0)
        finish(call, NULL);
}

static void on_each(void *arg, PGresult *result)
{
    Company *company = arg;
    Together *together = company->together;
    TogetherCall *call = company->first;
    bool answered = PQresultStatus(result) == PGRES_TUPLES_OK;

    together->gone -= company->count;
    free(company->bodies);
    free(company->actor);
    free(company);
    together->under_way--;
    for (int row = 0; call != NULL; row++) {
        TogetherCall *next = call->next;
        if (result == NULL)
            finish(call, NULL);
        else if (!answered || row >= PQntuples(result) || PQgetisnull(result, row, 0))
            answer_alone(call);
        else
            finish(call, take_row(result, row));
        call = next;
    }
    PQclear(result);
    send_soon(together);
}

/* An element of an array as Postgres reads it, between quotes. */
static void add_element(Buf *array, const char *body)
{
    buf_add_str(array, array->len == 0 ? "{\"" : ",\"");
    for (const char *p = body; *p != '\0';) {
        size_t plain = strcspn(p, "\"\\");
        buf_add(array, p, plain);
        p += plain;
        if (*p != '\0') {
            char escaped[] = { '\\', *p++ };
            buf_add(array, escaped, sizeof(escaped));
        }
    }
    buf_add_str(array, "\"");
}

static bool is_welcome(const TogetherCall *call, const TogetherCall *first)
{
    return call != NULL && call->done != NULL && strcmp(call->actor, first->actor) == 0 &&
           strlen(call->body) <= TOGETHER_MAX_BYTES;
}

static size_t enough(const Together *together)
{
    size_t share = together->crowd / TOGETHER_UNDER_WAY;

    if (share < TOGETHER_ENOUGH)
        return TOGETHER_ENOUGH;
    return share < TOGETHER_MAX ? share : TOGETHER_MAX;
}

/* Forgets an eighth each time something goes. */
static void count_crowd(Together *together)
{
    size_t now = together->waiting + together->gone;

    together->crowd -= together->crowd / 8;
    if (together->crowd < now)
        together->crowd = now;
}

/* Sends the first of those who wait, with as many of those right after it as may go with it. */
static void send_company(Together *together, TogetherCall *first)
{
    Company *company = mem_alloc(sizeof(*company));
    TogetherCall *last = first;
    size_t count = 1;
    Buf bodies;

    buf_init(&bodies, (size_t)TOGETHER_MAX * (2 * TOGETHER_MAX_BYTES + 4));
    add_element(&bodies, first->body);
    for (; count < enough(together) && is_welcome(last->next, first); count++) {
        last = last->next;
        add_element(&bodies, last->body);
        together->waiting--;
    }
    buf_add_str(&bodies, "}");
    together->first = last->next;
    last->next = NULL;
    *company = (Company){
        .together = together,
        .first = first,
        .count = count,
        .bodies = buf_take(&bodies),
        .actor = mem_strdup(first->actor),
    };
    const char *params[] = { company->bodies, company->actor };
    together->under_way++;
    together->gone += count;
    if (pool_call(together->pool, together->each, params, 2, on_each, company) == NULL)
        on_each(company, NULL);
}

static bool may_go(const Together *together)
{
    return together->under_way == 0 ||
           (together->under_way < TOGETHER_UNDER_WAY && together->waiting >= enough(together));
}

static void send_waiting(Together *together, bool at_once)
{
    while (together->first != NULL && (at_once || may_go(together))) {
        TogetherCall *call = together->first;
        count_crowd(together);
        together->waiting--;
        if (is_welcome(call, call) && is_welcome(call->next, call)) {
            send_company(together, call);
            continue;
        }
        together->first = call->next;
        if (call->done == NULL || send_alone(call) < 0)
            finish(call, NULL);
    }
    if (together->first == NULL)
        h2o_timeout_unlink(&together->patience_entry);
    else if (!h2o_timeout_is_linked(&together->patience_entry))
        h2o_timeout_link(together->loop, &together->patience, &together->patience_entry);
}

static void on_turn(h2o_timeout_entry_t *entry)
{
    send_waiting(H2O_STRUCT_FROM_MEMBER(Together, soon_entry, entry), false);
}

static void on_patience(h2o_timeout_entry_t *entry)
{
    send_waiting(H2O_STRUCT_FROM_MEMBER(Together, patience_entry, entry), true);
}

/* Whoever came in the same turn of the loop can go together. */
static void send_soon(Together *together)
{
    if (!h2o_timeout_is_linked(&together->soon_entry))
        h2o_timeout_link(together->loop, &together->soon, &together->soon_entry);
}

/* ---- the outside ---- */

Together *together_new(h2o_loop_t *loop, Pool *pool, size_t alone, size_t each)
{
    Together *together = mem_alloc(sizeof(*together));

    together->loop = loop;
    together->pool = pool;
    together->alone = alone;
    together->each = each;
    together->soon_entry.cb = on_turn;
    together->patience_entry.cb = on_patience;
    h2o_timeout_init(loop, &together->soon, 0);
    h2o_timeout_init(loop, &together->patience, TOGETHER_PATIENCE_MS);
    return together;
}

TogetherCall *together_call(Together *together, const char *body, const char *actor, PoolDone done,
                            void *arg)
{
    if (pool_open_count(together->pool) == 0 || together->waiting >= TOGETHER_WAITING)
        return NULL;
    TogetherCall *call = mem_alloc(sizeof(*call));
    *call = (TogetherCall){
        .together = together, .body = body, .actor = actor, .done = done, .arg = arg
    };
    if (together->first == NULL)
        together->first = call;
    else
        together->last->next = call;
    together->last = call;
    together->waiting++;
    send_soon(together);
    return call;
}

void together_cancel(TogetherCall *call)
{
    Together *together = call->together;

    call->done = NULL;
    call->body = NULL; /* they go with the caller */
    call->actor = NULL;
    if (call->alone == NULL)
        return; /* where it waits, or went with others, it is let go in its turn */
    pool_cancel(call->alone);
    together->under_way -= !call->again;
    free(call);
    send_soon(together);
}
