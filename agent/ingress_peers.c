#include "ingress_peers.h"

#include "ingress_conn.h"

#include "cara/http.h"
#include "cara/log.h"
#include "cara/mem.h"
#include "cara/time.h"
#include "cara/version.h"
#include "threads.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define FRESH_MS           3000 /* an answer is asked for anew after that, and used meanwhile */
#define FRESH_NEGATIVE_MS  1000 /* ... and not used, when it says that there is nothing */
#define RETRY_MS           1000
#define HOSTS_MAX          8192
#define QUEUE_MAX          512
#define BUCKETS            4096
#define TIMEOUT_MS         4000
#define CONNECT_TIMEOUT_MS 2000
#define ANSWER_MAX         65536

typedef struct Host {
    char *name;
    PeerPlace place;
    bool answered;
    bool asking;
    bool doubted;     /* a node said otherwise */
    int64_t asked_ms; /* when the answer came, or the server failed to give one */
    Client *waiting;  /* linked by next_waiting */
    struct Host *next;
    struct Host *newer, *older; /* by use */
} Host;

/* Goes to the thread and comes back. */
typedef struct Question {
    h2o_multithread_message_t message;
    char *host;
    bool answered; /* the server said something */
    PeerPlace place;
    struct Question *next;
} Question;

struct Peers {
    IngressLoop *in;
    char *node;
    Http *http; /* the thread's */
    h2o_multithread_receiver_t receiver;
    Host *buckets[BUCKETS];
    Host *newest, *oldest;
    size_t count;

    pthread_mutex_t lock;
    pthread_cond_t asked;
    Question *queue, **queue_tail;
    size_t queued;
    bool server_away; /* the thread's: said once */
};

/* ---- the cache
 * ------------------------------------------------------------------------------------------- */

static Host **bucket_of(Peers *peers, const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &peers->buckets[hash % BUCKETS];
}

static Host *find_host(Peers *peers, const char *name)
{
    for (Host *host = *bucket_of(peers, name); host != NULL; host = host->next)
        if (strcmp(host->name, name) == 0)
            return host;
    return NULL;
}

static void unlink_use(Peers *peers, Host *host)
{
    *(host->newer != NULL ? &host->newer->older : &peers->newest) = host->older;
    *(host->older != NULL ? &host->older->newer : &peers->oldest) = host->newer;
}

static void link_use(Peers *peers, Host *host)
{
    host->newer = NULL;
    host->older = peers->newest;
    *(peers->newest != NULL ? &peers->newest->newer : &peers->oldest) = host;
    peers->newest = host;
}

static void drop_host(Peers *peers, Host *host)
{
    Host **slot = bucket_of(peers, host->name);

    while (*slot != host)
        slot = &(*slot)->next;
    *slot = host->next;
    unlink_use(peers, host);
    peers->count--;
    free(host->name);
    free(host);
}

/* The one that nobody asked for longest goes first. */
static void make_room(Peers *peers)
{
    Host *host = peers->oldest;

    while (peers->count >= HOSTS_MAX && host != NULL) {
        Host *newer = host->newer;
        if (!host->asking)
            drop_host(peers, host);
        host = newer;
    }
}

static Host *add_host(Peers *peers, const char *name)
{
    Host **slot = bucket_of(peers, name);
    Host *host = mem_alloc(sizeof(*host));

    make_room(peers);
    host->name = mem_strdup(name);
    host->next = *slot;
    *slot = host;
    link_use(peers, host);
    peers->count++;
    return host;
}

/* ---- asking; the thread
 * ---------------------------------------------------------------------------------- */

static void ask(Peers *peers, Host *host)
{
    if (host->asking)
        return;
    pthread_mutex_lock(&peers->lock);
    if (peers->queued < QUEUE_MAX) {
        Question *question = mem_alloc(sizeof(*question));
        question->host = mem_strdup(host->name);
        *peers->queue_tail = question;
        peers->queue_tail = &question->next;
        peers->queued++;
        host->asking = true;
        pthread_cond_signal(&peers->asked);
    }
    pthread_mutex_unlock(&peers->lock);
}

static const char *word(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : "";
}

static void read_place(const Peers *peers, const json_t *answer, PeerPlace *out)
{
    json_int_t port = json_integer_value(json_object_get(answer, "port"));

    out->state = PEER_NOWHERE;
    if (strcmp(word(answer, "node"), peers->node) == 0 || port < 1 || port > 65535)
        return; /* if it is to run here, it does not do so yet */
    if (!address_parse(word(answer, "ip"), (int)port, &out->address))
        return;
    snprintf(out->key, sizeof(out->key), "%s", word(answer, "key"));
    out->state = PEER_THERE;
}

static void ask_server(Peers *peers, Question *question)
{
    _cleanup_(mem_freep) char *escaped = http_escape(question->host);
    _cleanup_(mem_freep) char *path = mem_printf("/api/v1/ingress?host=%s", escaped);
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    Err err = { 0 };

    if (http_call(peers->http, "GET", path, NULL, &reply, &err) == 0 && reply.status == 200) {
        json_t *answer = json_loadb(reply.body, reply.len, 0, NULL);
        question->answered = answer != NULL;
        read_place(peers, answer, &question->place);
        json_decref(answer);
    } else if (reply.status == 404) {
        question->answered = true;
        question->place.state = PEER_UNKNOWN;
    }
    if (!question->answered && !peers->server_away)
        log_warn("other nodes' hosts cannot be looked up, the last answers hold", "error=%s",
                 reply.status != 0 ? "unexpected answer" : err.message);
    else if (question->answered && peers->server_away)
        log_info("other nodes' hosts can be looked up again", NULL);
    peers->server_away = !question->answered;
}

static void *lookup_thread(void *arg)
{
    Peers *peers = arg;

    for (;;) {
        pthread_mutex_lock(&peers->lock);
        while (peers->queue == NULL)
            pthread_cond_wait(&peers->asked, &peers->lock);
        Question *question = peers->queue;
        peers->queue = question->next;
        if (peers->queue == NULL)
            peers->queue_tail = &peers->queue;
        peers->queued--;
        pthread_mutex_unlock(&peers->lock);
        ask_server(peers, question);
        h2o_multithread_send_message(&peers->receiver, &question->message);
    }
    return NULL;
}

/* ---- answers; the loop
 * ----------------------------------------------------------------------------------- */

static void take_answer(Peers *peers, const Question *question)
{
    Host *host = find_host(peers, question->host);

    if (host == NULL)
        return;
    host->asking = false;
    host->asked_ms = time_monotonic_ms();
    if (question->answered) {
        host->place = question->place;
        host->answered = true;
    }
    host->doubted = false; /* without a server there is no better answer */
    Client *client = TAKE_PTR(host->waiting);
    while (client != NULL) { /* each looks again, and may wait again */
        Client *next = TAKE_PTR(client->next_waiting);
        client_continue(client);
        client = next;
    }
}

static void on_answers(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    Peers *peers = H2O_STRUCT_FROM_MEMBER(Peers, receiver, receiver);

    while (!h2o_linklist_is_empty(messages)) {
        h2o_multithread_message_t *message =
            H2O_STRUCT_FROM_MEMBER(h2o_multithread_message_t, link, messages->next);
        Question *question = H2O_STRUCT_FROM_MEMBER(Question, message, message);
        h2o_linklist_unlink(&message->link);
        take_answer(peers, question);
        free(question->host);
        free(question);
    }
}

static void wait_on(Host *host, Client *client)
{
    client->next_waiting = host->waiting;
    host->waiting = client;
}

bool peers_find(Peers *peers, Client *client, PeerPlace *ret)
{
    Host *host = find_host(peers, client->host);
    int64_t now = time_monotonic_ms();

    *ret = (PeerPlace){ .state = PEER_UNKNOWN };
    if (host == NULL) {
        host = add_host(peers, client->host);
    } else if (host != peers->newest) {
        unlink_use(peers, host);
        link_use(peers, host);
    }
    int64_t age = now - host->asked_ms;
    if (host->asked_ms != 0 && !host->answered && age < RETRY_MS)
        return true; /* the server is away */
    bool there = host->answered && host->place.state == PEER_THERE;
    bool fresh = host->answered && !host->doubted && age < (there ? FRESH_MS : FRESH_NEGATIVE_MS);
    if (!fresh && !(host->asked_ms != 0 && age < RETRY_MS && !host->doubted))
        ask(peers, host);
    if (fresh || (host->answered && (there ? !host->doubted : age < RETRY_MS)) || !host->asking) {
        *ret = host->place;
        return true;
    }
    wait_on(host, client);
    return false;
}

void peers_find_again(Peers *peers, Client *client)
{
    Host *host = find_host(peers, client->host);

    if (host == NULL)
        host = add_host(peers, client->host);
    host->doubted = true;
    ask(peers, host);
    wait_on(host, client); /* where the queue is full, until its time is over */
}

void peers_forget(Peers *peers, const char *name)
{
    Host *host = find_host(peers, name);

    if (host != NULL)
        host->doubted = true;
}

void peers_cancel(Peers *peers, Client *client)
{
    Host *host = find_host(peers, client->host);

    for (Client **slot = host != NULL ? &host->waiting : NULL; slot != NULL && *slot != NULL;
         slot = &(*slot)->next_waiting) {
        if (*slot == client) {
            *slot = TAKE_PTR(client->next_waiting);
            return;
        }
    }
}

Peers *peers_new(IngressLoop *in, const char *server_url, const char *node, Err *err)
{
    _cleanup_(mem_freep) char *agent = mem_printf("cara-agent/%s", cara_version);
    const HttpOptions options = { .base = server_url,
                                  .user_agent = agent,
                                  .timeout_ms = TIMEOUT_MS,
                                  .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                  .max_body = ANSWER_MAX };
    Peers *peers = mem_alloc(sizeof(*peers));

    if (http_new(&options, &peers->http, err) < 0) {
        free(peers);
        return NULL;
    }
    peers->in = in;
    peers->node = mem_strdup(node);
    pthread_mutex_init(&peers->lock, NULL);
    pthread_cond_init(&peers->asked, NULL);
    peers->queue_tail = &peers->queue;
    h2o_multithread_register_receiver(in->queue, &peers->receiver, on_answers);
    if (thread_start("lookup", lookup_thread, peers) < 0) {
        err_set(err, ERR_SYSTEM, "the operating system refused a thread");
        return NULL;
    }
    return peers;
}
