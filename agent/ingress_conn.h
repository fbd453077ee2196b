/* What the files of the ingress loop share: connections from clients, connections to backends, and
 * the loop they live on. All of it belongs to the ingress thread; other threads speak to it through
 * ingress.h only. */
#ifndef AGENT_INGRESS_CONN_H
#define AGENT_INGRESS_CONN_H

#include "ingress_body.h"
#include "ingress_head.h"
#include "ingress_page.h"
#include "ingress_peers.h"
#include "ingress_side.h"
#include "ingress_table.h"
#include "ingress_tls.h"

#include <h2o.h>
#include <netinet/in.h>

#define SCRATCH_BYTES (64 * 1024) /* of one read */
#define POOL_BUCKETS  256

typedef struct IngressLoop IngressLoop;
typedef struct Client Client;
typedef struct Pool Pool;

/* What a client's connection is waiting for, and for how long. Each is a list of the loop's. */
typedef enum Wait {
    WAIT_NONE,
    WAIT_IDLE,    /* the next request */
    WAIT_HEAD,    /* all of a request's head, counted from its first byte */
    WAIT_BODY,    /* more of its body */
    WAIT_LOOKUP,  /* where the host is */
    WAIT_CONNECT, /* the backend's connection */
    WAIT_ANSWER,  /* the head of its answer; or that it takes more of the request */
    WAIT_STREAM,  /* more of it */
    WAIT_SEND,    /* that the client takes more */
    WAIT_LINGER,  /* that the client has read the last answer */
    WAIT_POOLED,  /* a connection to a backend that nobody needs */
    WAIT_DRAIN,   /* the last requests of a backend that no route leads to any more */
    WAIT_COUNT
} Wait;

/* ---- backends
 * ------------------------------------------------------------------------------------------ */

typedef struct Upstream {
    Side side; /* first: a socket's data is its owner and its side */
    Pool *pool;
    Client *client; /* NULL: idle in the pool */
    bool reused;    /* an answer came over it before */
    bool last;      /* nothing more is asked on it */
    bool closed;
    char *held; /* owned: an answer's head that is not whole yet */
    size_t held_len;
    h2o_timeout_entry_t timer;
    struct Upstream *newer, *older; /* idle ones of the pool */
    struct Upstream *next_closed;
} Upstream;

/* A connection that is idle in the pool, or a new one; `reuse` false gives a new one. With `check`
 * an idle one is looked at first, as a request that cannot be sent twice must not meet a closed
 * one. NULL when there is none to be had. */
Upstream *upstream_take(IngressLoop *in, const Address *address, bool reuse, bool check,
                        Client *client);
void upstream_keep(Upstream *upstream); /* back into the pool */
void upstream_close(Upstream *upstream);

/* After a new table: connections that lead nowhere any more go, or are waited for (in_use). */
void pools_follow_table(IngressLoop *in);

/* ---- clients
 * ------------------------------------------------------------------------------------------- */

typedef enum Phase {
    PHASE_TLS,    /* shaking hands */
    PHASE_HEAD,   /* between requests, or in the middle of a head */
    PHASE_LOOKUP, /* the head is held until it is known where the host is */
    PHASE_EXCHANGE,
    PHASE_TUNNEL,
    PHASE_LAST,   /* the last answer is being sent */
    PHASE_LINGER, /* ... and read */
    PHASE_CLOSED,
} Phase;

struct Client {
    Side side; /* first */
    IngressLoop *in;
    Phase phase;
    bool tls;
    bool is_ready; /* in the list of those with more to do */
    char peer[INET6_ADDRSTRLEN];
    h2o_timeout_entry_t timer;
    Wait waits;
    char *held; /* owned: came, not used yet */
    size_t held_len;
    size_t seen; /* of it, by an earlier look at the head */

    /* the request under way */
    char host[HOST_MAX];
    int minor;
    bool keep_alive;
    bool is_head;
    bool is_safe_to_repeat;
    bool wants_html;
    bool upgrade;
    Body request;
    BodyKind request_kind;
    Buf sent;      /* its head as it was written, and its body where that came with it */
    bool is_whole; /* all of the request is in `sent` */
    bool moves;    /* `sent` is to go elsewhere */
    Address target;
    bool to_peer; /* the target is another node's proxy */
    int tries;
    const char *hop; /* the word to add to the answer; NULL */
    Upstream *upstream;

    /* the answer under way */
    bool answer_begun;
    BodyKind answer_kind; /* as the client gets it */
    Body answer;
    int status;
    uint64_t bytes;
    uint64_t began_ms;
    char *line; /* owned: method and target, where an access log wants them */

    Client *next_ready, *next_closed, *next_waiting;
    Client *newer, *older; /* all of them */
};

void client_accept(IngressLoop *in, h2o_socket_t *sock, bool tls);
void client_close(Client *client);

/* An answer of our own: a page for a browser, a line for others. */
void client_refuse(Client *client, int status, const char *detail);

void client_refuse_no_backend(Client *client); /* 502: nothing serves the host now */
void client_send(Client *client, Page *page);  /* fills in what the client decides */

void client_wait(Client *client, Wait wait);  /* begins to wait; nothing changes if it does */
void client_heard(Client *client, Wait wait); /* what it waits for goes on: counts anew */

void client_hold(Client *client, const char *data, size_t len);
void client_answered(Client *client); /* the answer is out: the next request, or the end */
void client_continue(Client *client); /* once where its host is has been found out */
void client_run_ready(IngressLoop *in);

/* ---- where a request goes
 * ----------------------------------------------------------------------------------- */

/* What is remembered of a request until its answer is out. */
void route_note(Client *client, const RequestHead *head);

/* A head, whole and checked, at data, and what came behind it: sent on, answered, or held until it
 * is known where its host is. */
void route_request(Client *client, const RequestHead *head, char *data, size_t len,
                   size_t head_len);

/* ---- one request and its answer
 * ----------------------------------------------------------------------------- */

void exchange_begin(Client *client, const RequestHead *head, const Forwarding *forwarding,
                    char *rest, size_t rest_len);
void exchange_end(Client *client); /* gives the backend's connection up */
void exchange_more_request(Client *client);
void exchange_client_drained(Client *client);
void exchange_on_upstream(Upstream *upstream);
void exchange_connected(Upstream *upstream, bool ok);
void exchange_upstream_drained(Upstream *upstream);
void exchange_upstream_broken(Upstream *upstream);

/* ---- the loop
 * ------------------------------------------------------------------------------------------- */

struct IngressLoop {
    h2o_loop_t *loop;
    h2o_multithread_queue_t *queue; /* what other threads send */
    h2o_timeout_t waits[WAIT_COUNT];
    IngressTable *table;
    Certificates *certificates; /* NULL: none */
    Peers *peers;               /* NULL: only this node's own hosts */
    char hop_key[65];
    int tls_port;
    Pool *pools[POOL_BUCKETS];
    size_t in_use; /* connections in use of pools that a change of routes waits for */
    Client *clients;
    size_t client_count, client_max;
    Client *ready, **ready_tail;
    Client *closed_clients;
    Upstream *closed_upstreams;
    struct AccessLog *access_log; /* NULL: none */
    RequestHead request;          /* of one call */
    ResponseHead response;
    Buf head;
    char scratch[SCRATCH_BYTES];
};

/* Frees what was closed during this turn of the loop. */
void ingress_bury(IngressLoop *in);

#endif
