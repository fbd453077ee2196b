/* Connections to backends, and those that wait to be used again. */
#include "ingress_conn.h"

#include "cara/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define IDLE_EACH_MAX 256 /* of one backend */

struct Pool {
    IngressLoop *in;
    Address address;
    Pool *next;
    Upstream *newest; /* idle; the one used last is used next */
    Upstream *oldest;
    size_t idle;
    size_t used;
    bool retired; /* no route leads here any more */
    bool drains;  /* ... since a moment ago: whoever changed that waits for those in use */
    h2o_timeout_entry_t drain_timer;
    bool is_peer; /* another node's proxy: routes have no say */
};

/* ---- pools
 * --------------------------------------------------------------------------------------------- */

static Pool *pool_find(IngressLoop *in, const Address *address)
{
    Pool **slot = &in->pools[address_hash(address) % POOL_BUCKETS];

    for (Pool *pool = *slot; pool != NULL; pool = pool->next)
        if (address_same(&pool->address, address))
            return pool;
    Pool *pool = mem_alloc(sizeof(*pool));
    *pool = (Pool){ .in = in, .address = *address, .next = *slot };
    *slot = pool;
    return pool;
}

static void pool_unlink(Upstream *upstream)
{
    Pool *pool = upstream->pool;

    *(upstream->newer != NULL ? &upstream->newer->older : &pool->newest) = upstream->older;
    *(upstream->older != NULL ? &upstream->older->newer : &pool->oldest) = upstream->newer;
    upstream->newer = upstream->older = NULL;
    pool->idle--;
    h2o_timeout_unlink(&upstream->timer);
}

static void leave_use(Pool *pool)
{
    pool->used--;
    if (pool->drains)
        pool->in->in_use--;
}

static void enter_use(Pool *pool)
{
    pool->used++;
    if (pool->drains)
        pool->in->in_use++;
}

static void drain_end(Pool *pool)
{
    if (pool->drains)
        pool->in->in_use -= pool->used;
    pool->drains = false;
    h2o_timeout_unlink(&pool->drain_timer);
}

/* What lasts longer, as tunnels and streams do, is not waited for. */
static void on_drain_time(h2o_timeout_entry_t *timer)
{
    drain_end(H2O_STRUCT_FROM_MEMBER(Pool, drain_timer, timer));
}

static void drain_begin(Pool *pool)
{
    IngressLoop *in = pool->in;

    pool->drains = true;
    in->in_use += pool->used;
    pool->drain_timer.cb = on_drain_time;
    h2o_timeout_link(in->loop, &in->waits[WAIT_DRAIN], &pool->drain_timer);
}

static void pool_follow_table(Pool *pool)
{
    bool was = pool->retired;

    pool->retired = !pool->is_peer && !ingress_table_leads_to(pool->in->table, &pool->address);
    while (pool->retired && pool->newest != NULL)
        upstream_close(pool->newest);
    if (!pool->retired || pool->used == 0)
        drain_end(pool);
    else if (!was)
        drain_begin(pool);
}

void pools_follow_table(IngressLoop *in)
{
    for (size_t i = 0; i < POOL_BUCKETS; i++) {
        for (Pool **slot = &in->pools[i]; *slot != NULL;) {
            Pool *pool = *slot;
            pool_follow_table(pool);
            if (pool->used == 0 && pool->idle == 0) {
                *slot = pool->next;
                free(pool);
            } else {
                slot = &pool->next;
            }
        }
    }
}

/* ---- one connection
 * ------------------------------------------------------------------------------------ */

static void on_read(h2o_socket_t *sock, const char *error)
{
    Upstream *upstream = sock->data;

    (void)error;
    if (upstream->closed)
        return;
    if (upstream->client == NULL)
        upstream_close(upstream); /* nothing was asked: it can only be the end */
    else
        exchange_on_upstream(upstream);
}

static void on_drained(void *owner)
{
    Upstream *upstream = owner;

    if (!upstream->closed && upstream->client != NULL)
        exchange_upstream_drained(upstream);
}

static void on_broken(void *owner)
{
    Upstream *upstream = owner;

    if (upstream->closed)
        return;
    if (upstream->client == NULL)
        upstream_close(upstream);
    else
        exchange_upstream_broken(upstream);
}

static void on_connect(h2o_socket_t *sock, const char *error)
{
    Upstream *upstream = sock->data;

    if (upstream->closed)
        return;
    if (error == NULL) {
        side_resume(&upstream->side);
        side_connected(&upstream->side);
    }
    if (!upstream->closed && upstream->client != NULL)
        exchange_connected(upstream, error == NULL);
}

static void on_idle_too_long(h2o_timeout_entry_t *timer)
{
    upstream_close(H2O_STRUCT_FROM_MEMBER(Upstream, timer, timer));
}

static Upstream *connect_to(IngressLoop *in, Pool *pool)
{
    Upstream *upstream;
    h2o_socket_t *sock =
        h2o_socket_connect(in->loop, &pool->address.any, pool->address.len, on_connect);

    if (sock == NULL)
        return NULL;
    upstream = mem_alloc(sizeof(*upstream));
    upstream->pool = pool;
    upstream->timer.cb = on_idle_too_long;
    side_open(&upstream->side, sock, upstream, on_read, on_drained, on_broken);
    upstream->side.connecting = true;
    return upstream;
}

/* Closed by the other side just now, or talking out of turn. */
static bool is_gone(Upstream *upstream)
{
    char byte;
    ssize_t n = recv(h2o_socket_get_fd(upstream->side.sock), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

Upstream *upstream_take(IngressLoop *in, const Address *address, bool reuse, bool check,
                        Client *client)
{
    Pool *pool = pool_find(in, address);
    Upstream *upstream = NULL;

    pool->is_peer = client->to_peer;
    while (reuse && upstream == NULL && pool->newest != NULL) {
        upstream = pool->newest;
        if (check && is_gone(upstream)) {
            upstream_close(upstream);
            upstream = NULL;
        }
    }
    if (upstream != NULL)
        pool_unlink(upstream);
    else
        upstream = connect_to(in, pool);
    if (upstream == NULL)
        return NULL;
    upstream->client = client;
    enter_use(pool);
    return upstream;
}

void upstream_keep(Upstream *upstream)
{
    Pool *pool = upstream->pool;
    IngressLoop *in = pool->in;

    if (pool->retired || pool->idle >= IDLE_EACH_MAX || upstream->closed) {
        upstream_close(upstream);
        return;
    }
    leave_use(pool);
    upstream->client = NULL;
    upstream->reused = true;
    side_resume(&upstream->side);
    upstream->older = pool->newest;
    *(pool->newest != NULL ? &pool->newest->newer : &pool->oldest) = upstream;
    pool->newest = upstream;
    pool->idle++;
    upstream->timer.cb = on_idle_too_long;
    h2o_timeout_link(in->loop, &in->waits[WAIT_POOLED], &upstream->timer);
}

void upstream_close(Upstream *upstream)
{
    if (upstream->closed)
        return;
    Pool *pool = upstream->pool;
    upstream->closed = true;
    if (upstream->client != NULL)
        leave_use(pool);
    else
        pool_unlink(upstream);
    side_close(&upstream->side);
    free(TAKE_PTR(upstream->held));
    upstream->next_closed = pool->in->closed_upstreams;
    pool->in->closed_upstreams = upstream;
}
