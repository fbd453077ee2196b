#include "ingress.h"

#include "ingress_conn.h"
#include "ingress_log.h"
#include "listen.h"

#include "cara/log.h"
#include "cara/mem.h"
#include "threads.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_RETRY_MS  2000
#define ACCEPT_RETRY_MS  100
#define ACCEPTS_AT_ONCE  64
#define CLIENTS_MAX      16384
#define FILES_KEPT       256 /* descriptors that the rest of the agent needs */
#define FILES_PER_CLIENT 2   /* its own and its backend's */

/* What is 0 here is the setting proxy_timeout. */
static const uint64_t waits_ms[WAIT_COUNT] = {
    [WAIT_IDLE] = 75000,   [WAIT_HEAD] = 10000,  [WAIT_LOOKUP] = 5000,
    [WAIT_CONNECT] = 5000, [WAIT_SEND] = 30000,  [WAIT_STREAM] = 3600 * 1000,
    [WAIT_LINGER] = 2000,  [WAIT_POOLED] = 4000, [WAIT_DRAIN] = INGRESS_DRAIN_MS,
};

typedef struct Listener {
    Ingress *ingress;
    const char *what; /* the option */
    char *host;       /* NULL: every address */
    int port;
    bool tls;
    bool said; /* that it cannot be had */
    h2o_socket_t *sock;
    h2o_timeout_entry_t timer;
} Listener;

typedef struct Published {
    char *project;
    IngressRoute *routes;
    size_t count;
} Published;

struct Ingress {
    IngressLoop in;
    Listener plain, tls;
    h2o_timeout_t listen_retry, accept_retry;
    h2o_multithread_receiver_t receiver;
    char *server_url, *node;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t applied;
    Published *published;
    size_t count;
    IngressTable *next; /* to be taken over by the loop; NULL */
    uint64_t made, taken;
    bool draining; /* requests are on ways that are no more */
    bool listening;
    void (*wake)(void *arg); /* when it listens */
    void *wake_arg;
};

/* ---- listening
 * ------------------------------------------------------------------------------------------ */

/* Without a host: both families where there are two. */
static int open_socket(const Listener *listener)
{
    if (listener->host != NULL)
        return listen_open(listener->host, listener->port);
    int fd = listen_open("::", listener->port);
    return fd >= 0 || errno == EADDRINUSE || errno == EACCES
               ? fd
               : listen_open("0.0.0.0", listener->port);
}

static void on_accept(h2o_socket_t *sock, const char *error)
{
    Listener *listener = sock->data;
    IngressLoop *in = &listener->ingress->in;

    for (int i = 0; error == NULL && i < ACCEPTS_AT_ONCE; i++) {
        h2o_socket_t *accepted = NULL;
        errno = 0;
        if (in->client_count < in->client_max)
            accepted = h2o_evloop_socket_accept(sock);
        if (accepted != NULL) {
            client_accept(in, accepted, listener->tls);
            continue;
        }
        if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
            return;
        /* no room, or no descriptors: those who wait in the queue are not lost */
        h2o_socket_read_stop(sock);
        if (!h2o_timeout_is_linked(&listener->timer))
            h2o_timeout_link(in->loop, &listener->ingress->accept_retry, &listener->timer);
        return;
    }
}

static void try_to_listen(Listener *listener)
{
    Ingress *ingress = listener->ingress;
    int fd = open_socket(listener);

    if (fd < 0) {
        if (!listener->said)
            log_error("the ingress proxy cannot listen, and tries on",
                      "address=%s:%d error=%s option=%s",
                      listener->host != NULL ? listener->host : "", listener->port, strerror(errno),
                      listener->what);
        listener->said = true;
        h2o_timeout_link(ingress->in.loop, &ingress->listen_retry, &listener->timer);
        return;
    }
    listener->sock = h2o_evloop_socket_create(ingress->in.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->sock->data = listener;
    h2o_socket_read_start(listener->sock, on_accept);
    log_info("ingress proxy listens", "address=%s:%d tls=%d",
             listener->host != NULL ? listener->host : "", listener->port, listener->tls);
    if (listener->tls)
        return;
    pthread_mutex_lock(&ingress->lock);
    ingress->listening = true;
    pthread_mutex_unlock(&ingress->lock);
    ingress->wake(ingress->wake_arg);
}

static void on_listen_time(h2o_timeout_entry_t *timer)
{
    Listener *listener = H2O_STRUCT_FROM_MEMBER(Listener, timer, timer);

    if (listener->sock == NULL)
        try_to_listen(listener);
    else
        h2o_socket_read_start(listener->sock, on_accept);
}

/* ":8081", "10.0.0.1:8081", "[::1]:8081" */
static int parse_listen(Listener *out, Ingress *ingress, const char *text, const char *option,
                        bool tls, Err *err)
{
    const char *colon = strrchr(text, ':');
    unsigned char address[sizeof(struct in6_addr)];
    char *end = NULL;
    long port = colon != NULL ? strtol(colon + 1, &end, 10) : 0;
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;

    *out = (Listener){ .ingress = ingress, .what = option, .tls = tls };
    out->timer.cb = on_listen_time;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']')
        out->host = mem_strndup(text + 1, len - 2);
    else if (len > 0)
        out->host = mem_strndup(text, len);
    if (colon == NULL || end == colon + 1 || *end != '\0' || port < 1 || port > 65535 ||
        (out->host != NULL && inet_pton(AF_INET, out->host, address) != 1 &&
         inet_pton(AF_INET6, out->host, address) != 1)) {
        free(TAKE_PTR(out->host));
        return err_set(err, ERR_INVALID,
                       "\"%s\" is not an address to listen on: set %s to :PORT, IP:PORT or "
                       "[IPV6]:PORT",
                       text, option);
    }
    out->port = (int)port;
    return 0;
}

/* ---- what others tell
 * ----------------------------------------------------------------------------------- */

static Published *published_of(Ingress *ingress, const char *project)
{
    for (size_t i = 0; i < ingress->count; i++)
        if (strcmp(ingress->published[i].project, project) == 0)
            return &ingress->published[i];
    return NULL;
}

static void drop_routes(Published *published)
{
    for (size_t i = 0; i < published->count; i++)
        ingress_route_done(&published->routes[i]);
    free(published->routes);
    published->routes = NULL;
    published->count = 0;
}

static void keep_routes(Ingress *ingress, const char *project, const IngressRoute *routes,
                        size_t count)
{
    Published *published = published_of(ingress, project);

    if (published == NULL) {
        ingress->published =
            mem_grow(ingress->published, ingress->count + 1, sizeof(*ingress->published));
        published = &ingress->published[ingress->count++];
        *published = (Published){ .project = mem_strdup(project) };
    }
    drop_routes(published);
    published->routes = mem_alloc((count + 1) * sizeof(IngressRoute));
    for (size_t i = 0; i < count; i++) {
        IngressRoute *copy = &published->routes[published->count++];
        *copy = routes[i];
        copy->host = mem_strdup(routes[i].host);
        copy->path = mem_strdup(routes[i].path);
        copy->project = mem_strdup(routes[i].project);
        copy->service = mem_strdup(routes[i].service);
    }
    if (count > 0)
        return;
    drop_routes(published);
    free(published->project);
    *published = ingress->published[--ingress->count];
}

static IngressTable *make_table(const Ingress *ingress)
{
    size_t total = 0, n = 0;

    for (size_t i = 0; i < ingress->count; i++)
        total += ingress->published[i].count;
    _cleanup_(mem_freep) const IngressRoute **all = mem_alloc((total + 1) * sizeof(*all));
    for (size_t i = 0; i < ingress->count; i++)
        for (size_t j = 0; j < ingress->published[i].count; j++)
            all[n++] = &ingress->published[i].routes[j];
    return ingress_table_new(all, n);
}

static void wait_until_taken(Ingress *ingress, uint64_t made)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += INGRESS_DRAIN_MS % 1000 * 1000000;
    until.tv_sec += INGRESS_DRAIN_MS / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (ingress->taken < made || ingress->draining)
        if (pthread_cond_timedwait(&ingress->applied, &ingress->lock, &until) == ETIMEDOUT)
            return;
}

void ingress_publish(Ingress *ingress, const char *project, const IngressRoute *routes,
                     size_t count)
{
    h2o_multithread_message_t *message;

    if (ingress == NULL)
        return;
    pthread_mutex_lock(&ingress->lock);
    const Published *before = published_of(ingress, project);
    if (ingress_routes_same(before != NULL ? before->routes : NULL,
                            before != NULL ? before->count : 0, routes, count)) {
        pthread_mutex_unlock(&ingress->lock);
        return;
    }
    keep_routes(ingress, project, routes, count);
    ingress_table_free(ingress->next);
    ingress->next = make_table(ingress);
    uint64_t made = ++ingress->made;
    pthread_mutex_unlock(&ingress->lock);
    message = mem_alloc(sizeof(*message));
    h2o_multithread_send_message(&ingress->receiver, message);
    pthread_mutex_lock(&ingress->lock);
    wait_until_taken(ingress, made);
    pthread_mutex_unlock(&ingress->lock);
}

static void take_table(Ingress *ingress)
{
    IngressLoop *in = &ingress->in;

    pthread_mutex_lock(&ingress->lock);
    IngressTable *table = TAKE_PTR(ingress->next);
    uint64_t made = ingress->made;
    pthread_mutex_unlock(&ingress->lock);
    if (table == NULL)
        return;
    ingress_table_free(in->table);
    in->table = table;
    pools_follow_table(in);
    pthread_mutex_lock(&ingress->lock);
    ingress->taken = made;
    ingress->draining = in->in_use > 0;
    pthread_cond_broadcast(&ingress->applied);
    pthread_mutex_unlock(&ingress->lock);
}

static void on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    Ingress *ingress = H2O_STRUCT_FROM_MEMBER(Ingress, receiver, receiver);

    while (!h2o_linklist_is_empty(messages)) {
        h2o_multithread_message_t *message =
            H2O_STRUCT_FROM_MEMBER(h2o_multithread_message_t, link, messages->next);
        h2o_linklist_unlink(&message->link);
        free(message);
    }
    take_table(ingress);
}

static void tell_drained(Ingress *ingress)
{
    if (!__atomic_load_n(&ingress->draining, __ATOMIC_RELAXED) || ingress->in.in_use > 0)
        return;
    pthread_mutex_lock(&ingress->lock);
    ingress->draining = false;
    pthread_cond_broadcast(&ingress->applied);
    pthread_mutex_unlock(&ingress->lock);
}

int ingress_port(Ingress *ingress)
{
    if (ingress == NULL)
        return 0;
    pthread_mutex_lock(&ingress->lock);
    int port = ingress->listening ? ingress->plain.port : 0;
    pthread_mutex_unlock(&ingress->lock);
    return port;
}

json_t *ingress_facts(const Ingress *ingress, int port)
{
    return json_pack("{s:i, s:s}", "port", port, "key", port > 0 ? ingress->in.hop_key : "");
}

/* ---- the thread
 * ----------------------------------------------------------------------------------------- */

static void *loop_thread(void *arg)
{
    Ingress *ingress = arg;
    IngressLoop *in = &ingress->in;

    try_to_listen(&ingress->plain);
    if (in->certificates != NULL)
        try_to_listen(&ingress->tls);
    for (;;) {
        h2o_evloop_run(in->loop, in->ready != NULL ? 0 : INT32_MAX);
        client_run_ready(in);
        ingress_bury(in);
        tell_drained(ingress);
    }
    return NULL;
}

/* 32 hexadecimal digits that nobody can guess. */
static int make_key(char out[static 65], Err *err)
{
    unsigned char bytes[16];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return err_set(err, ERR_SYSTEM, "getrandom: %s", strerror(errno));
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static size_t client_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return 256;
    if (files.rlim_cur < files.rlim_max) { /* as many as we may have */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
        getrlimit(RLIMIT_NOFILE, &files);
    }
    rlim_t room = files.rlim_cur > 2 * FILES_KEPT ? files.rlim_cur - FILES_KEPT : FILES_KEPT;
    room /= FILES_PER_CLIENT;
    return room < CLIENTS_MAX ? (size_t)room : CLIENTS_MAX;
}

static void init_loop(Ingress *ingress, const Settings *settings)
{
    IngressLoop *in = &ingress->in;

    in->loop = h2o_evloop_create();
    in->queue = h2o_multithread_create_queue(in->loop);
    h2o_multithread_register_receiver(in->queue, &ingress->receiver, on_messages);
    for (int i = 1; i < WAIT_COUNT; i++)
        h2o_timeout_init(in->loop, &in->waits[i],
                         waits_ms[i] > 0 ? waits_ms[i] : (uint64_t)settings->proxy_timeout_ms);
    h2o_timeout_init(in->loop, &ingress->listen_retry, LISTEN_RETRY_MS);
    h2o_timeout_init(in->loop, &ingress->accept_retry, ACCEPT_RETRY_MS);
    in->table = ingress_table_new(NULL, 0);
    in->client_max = client_limit();
    in->ready_tail = &in->ready;
    in->head.max = HEAD_MAX * 2;
}

static int read_settings(Ingress *ingress, const Settings *settings, Err *err)
{
    if (parse_listen(&ingress->plain, ingress, settings->proxy_listen_addr,
                     "PROXY_LISTEN_ADDR or --proxy-listen-addr", false, err) < 0)
        return -1;
    if (settings->proxy_certificates == NULL)
        return 0;
    if (parse_listen(&ingress->tls, ingress, settings->proxy_tls_listen_addr,
                     "PROXY_TLS_LISTEN_ADDR or --proxy-tls-listen-addr", true, err) < 0)
        return -1;
    ingress->in.tls_port = ingress->tls.port;
    ingress->in.certificates = certificates_new(settings->proxy_certificates, err);
    return ingress->in.certificates != NULL ? 0 : -1;
}

int ingress_new(const Settings *settings, Ingress **ret, Err *err)
{
    *ret = NULL;
    if (strcmp(settings->proxy_listen_addr, "none") == 0)
        return 0;
    Ingress *ingress = mem_alloc(sizeof(*ingress));
    pthread_mutex_init(&ingress->lock, NULL);
    pthread_cond_init(&ingress->applied, NULL);
    ingress->server_url = mem_strdup(settings->server_url);
    ingress->node = mem_strdup(settings->node_name);
    if (read_settings(ingress, settings, err) < 0 || make_key(ingress->in.hop_key, err) < 0) {
        free(ingress->server_url);
        free(ingress->node);
        free(ingress->plain.host);
        free(ingress->tls.host);
        free(ingress);
        return -1;
    }
    init_loop(ingress, settings);
    if (settings->proxy_access_log != NULL) {
        ingress->in.access_log = access_log_open(settings->proxy_access_log, ingress->in.loop, err);
        if (ingress->in.access_log == NULL)
            return -1; /* the program ends */
    }
    *ret = ingress;
    return 0;
}

int ingress_start(Ingress *ingress, void (*wake)(void *arg), void *arg)
{
    Err err = { 0 };

    if (ingress == NULL)
        return 0;
    ingress->wake = wake;
    ingress->wake_arg = arg;
    ingress->in.peers = peers_new(&ingress->in, ingress->server_url, ingress->node, &err);
    if (ingress->in.peers == NULL) {
        log_error("hosts of other nodes are not served", "error=%s", err.message);
    }
    if (ingress->in.certificates != NULL && certificates_start(ingress->in.certificates) < 0)
        return -1;
    return thread_start("ingress", loop_thread, ingress);
}
