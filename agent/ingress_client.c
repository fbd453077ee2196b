/* Connections from clients: from the first byte to a whole request, and from the end of its answer
 * to the next. */
#include "ingress_conn.h"
#include "ingress_log.h"
#include "ingress_page.h"

#include "cara/mem.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_HEAD_MAX (HEAD_MAX + 4096)
#define SENT_MAX        (SCRATCH_BYTES + HEAD_MAX + 4096)
#define SENT_KEPT       2048 /* memory that a connection without a request keeps */

static void read_client(h2o_socket_t *sock, const char *error);
static void on_drained(void *owner);
static void on_broken(void *owner);
static void on_time(h2o_timeout_entry_t *timer);

/* ---- coming and going
 * ---------------------------------------------------------------------------------- */

static void name_peer(Client *client, h2o_socket_t *sock)
{
    struct sockaddr_storage address;

    if (h2o_socket_getpeername(sock, (struct sockaddr *)&address) == 0)
        return;
    if (address.ss_family == AF_INET) {
        inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, client->peer,
                  sizeof(client->peer));
        return;
    }
    const struct in6_addr *ip = &((struct sockaddr_in6 *)&address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(ip))
        inet_ntop(AF_INET, &ip->s6_addr[12], client->peer, sizeof(client->peer));
    else
        inet_ntop(AF_INET6, ip, client->peer, sizeof(client->peer));
}

void client_accept(IngressLoop *in, h2o_socket_t *sock, bool tls)
{
    Client *client = mem_alloc(sizeof(*client));

    client->in = in;
    client->tls = tls;
    client->sent.max = SENT_MAX;
    client->timer.cb = on_time;
    side_open(&client->side, sock, client, read_client, on_drained, on_broken);
    name_peer(client, sock);
    if (tls) {
        client->side.ssl = certificates_accept(in->certificates);
        SSL_set_fd(client->side.ssl, h2o_socket_get_fd(sock));
        client->phase = PHASE_TLS;
        client_wait(client, WAIT_HEAD);
    } else {
        client->phase = PHASE_HEAD;
        client_wait(client, WAIT_IDLE);
    }
    client->older = in->clients;
    if (in->clients != NULL)
        in->clients->newer = client;
    in->clients = client;
    in->client_count++;
    side_resume(&client->side);
}

static void log_request(Client *client)
{
    char backend[ADDRESS_TEXT_MAX] = "-";

    if (client->line == NULL)
        return;
    if (client->target.len > 0)
        address_text(&client->target, backend);
    access_log_add(client->in->access_log,
                   &(AccessEntry){ .peer = client->peer,
                                   .host = client->host,
                                   .line = client->line,
                                   .backend = backend,
                                   .minor = client->minor,
                                   .status = client->status,
                                   .bytes = client->bytes,
                                   .took_ms = h2o_now(client->in->loop) - client->began_ms });
    free(TAKE_PTR(client->line));
}

void client_close(Client *client)
{
    IngressLoop *in = client->in;

    if (client->phase == PHASE_CLOSED)
        return;
    if (client->phase == PHASE_LOOKUP)
        peers_cancel(in->peers, client);
    client->phase = PHASE_CLOSED;
    exchange_end(client);
    log_request(client); /* of what was cut short */
    h2o_timeout_unlink(&client->timer);
    side_close(&client->side);
    *(client->newer != NULL ? &client->newer->older : &in->clients) = client->older;
    if (client->older != NULL)
        client->older->newer = client->newer;
    in->client_count--;
    client->next_closed = in->closed_clients;
    in->closed_clients = client;
}

void ingress_bury(IngressLoop *in)
{
    while (in->closed_clients != NULL && in->ready == NULL) {
        Client *client = in->closed_clients;
        in->closed_clients = client->next_closed;
        buf_done(&client->sent);
        free(client->held);
        free(client->line);
        free(client);
    }
    while (in->closed_upstreams != NULL) {
        Upstream *upstream = in->closed_upstreams;
        in->closed_upstreams = upstream->next_closed;
        free(upstream);
    }
}

/* ---- waiting
 * ------------------------------------------------------------------------------------------- */

void client_heard(Client *client, Wait wait)
{
    h2o_timeout_unlink(&client->timer);
    client->waits = wait;
    if (wait != WAIT_NONE)
        h2o_timeout_link(client->in->loop, &client->in->waits[wait], &client->timer);
}

void client_wait(Client *client, Wait wait)
{
    if (client->waits != wait || !h2o_timeout_is_linked(&client->timer))
        client_heard(client, wait);
}

static void on_time(h2o_timeout_entry_t *timer)
{
    Client *client = H2O_STRUCT_FROM_MEMBER(Client, timer, timer);
    char detail[HOST_MAX + 64];

    switch (client->waits) {
    case WAIT_HEAD:
    case WAIT_BODY:
        client->keep_alive = false;
        if (client->phase == PHASE_TLS || client->answer_begun)
            client_close(client);
        else
            client_refuse(client, 408, "The request did not come in time.");
        break;
    case WAIT_CONNECT:
        snprintf(detail, sizeof(detail), "Backend \"%s\" is unreachable.", client->host);
        client_refuse(client, 502, detail);
        break;
    case WAIT_LOOKUP:
        client_refuse_no_backend(client);
        break;
    case WAIT_ANSWER:
        if (client->answer_begun) {
            client_close(client);
            break;
        }
        snprintf(detail, sizeof(detail), "Backend \"%s\" did not answer in time.", client->host);
        client_refuse(client, 504, detail);
        break;
    default:
        client_close(client);
    }
}

/* ---- the end of an answer
 * ------------------------------------------------------------------------------ */

static void add_ready(Client *client)
{
    IngressLoop *in = client->in;

    if (client->is_ready)
        return;
    client->is_ready = true;
    client->next_ready = NULL;
    *in->ready_tail = client;
    in->ready_tail = &client->next_ready;
}

static void forget_request(Client *client)
{
    log_request(client);
    client->target.len = 0;
    client->tries = 0;
    client->moves = false;
    client->answer_begun = false;
    client->hop = NULL;
    client->seen = 0;
    if (client->sent.cap > SENT_KEPT)
        buf_done(&client->sent);
}

static void linger(Client *client)
{
    client->phase = PHASE_LINGER;
    side_shut(&client->side);
    client_wait(client, WAIT_LINGER);
}

void client_answered(Client *client)
{
    bool more = client->keep_alive && client->request.done;

    forget_request(client);
    client->phase = more ? PHASE_HEAD : PHASE_LAST;
    side_resume(&client->side);
    if (side_is_full(&client->side))
        client_wait(client, WAIT_SEND);
    else if (!more)
        linger(client);
    else if (client->held_len > 0)
        add_ready(client);
    else
        client_heard(client, WAIT_IDLE);
}

static void on_drained(void *owner)
{
    Client *client = owner;

    switch (client->phase) {
    case PHASE_EXCHANGE:
    case PHASE_TUNNEL:
        exchange_client_drained(client);
        break;
    case PHASE_HEAD:
        client_heard(client, WAIT_IDLE);
        side_resume(&client->side);
        if (client->held_len > 0)
            add_ready(client);
        break;
    case PHASE_LAST:
        linger(client);
        break;
    default:
        break;
    }
}

static void on_broken(void *owner)
{
    client_close(owner);
}

void client_send(Client *client, Page *page)
{
    IngressLoop *in = client->in;

    exchange_end(client);
    if (client->phase == PHASE_LOOKUP)
        peers_cancel(in->peers, client);
    if (!client->request.done)
        client->keep_alive = false;
    page->html = client->wants_html;
    page->is_head = client->is_head;
    page->keep_alive = client->keep_alive;
    buf_reset(&in->head);
    page_write(page, &in->head);
    client->status = page->status;
    struct iovec piece = { in->head.data, in->head.len };
    if (side_send(&client->side, &piece, 1) < 0)
        client_close(client);
    else
        client_answered(client);
}

void client_refuse(Client *client, int status, const char *detail)
{
    client_send(client, &(Page){ .status = status,
                                 .detail = detail,
                                 .hop = status == 421 ? HOP_UNKNOWN : client->hop });
}

void client_refuse_no_backend(Client *client)
{
    char detail[HOST_MAX + 64];

    snprintf(detail, sizeof(detail), "Host \"%s\" has no backend available.", client->host);
    client_refuse(client, 502, detail);
}

/* ---- requests
 * ------------------------------------------------------------------------------------------ */

static void refuse_head(Client *client, int status)
{
    client->keep_alive = false;
    client->host[0] = '\0';
    client->hop = NULL;
    client->is_head = false;
    client->wants_html = false;
    client->request = (Body){ 0 };
    client_refuse(client, status,
                  status == 431   ? "The head of the request is too large."
                  : status == 501 ? "The proxy does not pass this method or transfer coding on."
                                  : "The request is malformed or ambiguous.");
}

/* data: all that came and was not used; not in client->held. */
static void take_input(Client *client, char *data, size_t len)
{
    RequestHead *head = &client->in->request;
    int n = request_head_parse(data, len, client->seen, head);

    if (n < 0) {
        refuse_head(client, -n);
        return;
    }
    if (n == 0) {
        client_hold(client, data, len);
        client->seen = len;
        client_wait(client, WAIT_HEAD);
        return;
    }
    client->seen = 0;
    route_note(client, head);
    if (head->body == BODY_NONE && len > (size_t)n) { /* the next request has come already */
        client_hold(client, data + n, len - (size_t)n);
        len = (size_t)n;
    }
    route_request(client, head, data, len, (size_t)n);
}

void client_hold(Client *client, const char *data, size_t len)
{
    if (len == 0)
        return;
    client->held = mem_grow(client->held, client->held_len + len, 1);
    memcpy(client->held + client->held_len, data, len);
    client->held_len += len;
}

/* What was held, to be looked at again. */
static void take_held(Client *client)
{
    _cleanup_(mem_freep) char *data = TAKE_PTR(client->held);
    size_t len = client->held_len;

    client->held_len = 0;
    take_input(client, data, len);
}

void client_continue(Client *client)
{
    _cleanup_(mem_freep) char *sent = NULL;
    RequestHead *head = &client->in->request;

    client->phase = PHASE_HEAD;
    if (!client->moves) {
        side_resume(&client->side);
        take_held(client);
        return;
    }
    size_t len = client->sent.len;
    sent = buf_take(&client->sent);
    int n = request_head_parse(sent, len, 0, head);
    if (n <= 0)
        client_refuse_no_backend(client);
    else
        route_request(client, head, sent, len, (size_t)n);
}

void client_run_ready(IngressLoop *in)
{
    Client *client = in->ready;

    in->ready = NULL; /* those that are added meanwhile have their turn next time */
    in->ready_tail = &in->ready;
    while (client != NULL) {
        Client *next = client->next_ready;
        client->is_ready = false;
        if (client->phase == PHASE_HEAD && client->held_len > 0)
            take_held(client);
        client = next;
    }
}

/* ---- reading
 * ------------------------------------------------------------------------------------------- */

static void shake_hands(Client *client)
{
    ERR_clear_error();
    int rc = SSL_accept(client->side.ssl);

    if (rc == 1) {
        client->phase = PHASE_HEAD;
        client_wait(client, WAIT_IDLE);
        return;
    }
    int error = SSL_get_error(client->side.ssl, rc);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        client_close(client);
}

static void read_head(Client *client)
{
    IngressLoop *in = client->in;
    ssize_t n;

    if (client->is_ready || side_is_full(&client->side)) { /* one request after another */
        if (client->held_len >= HEAD_MAX) {
            side_pause(&client->side);
            return;
        }
    }
    n = side_read(&client->side, in->scratch, sizeof(in->scratch));
    if (n == SIDE_AGAIN)
        return;
    if (n <= 0) {
        client_close(client);
        return;
    }
    if (client->held_len == 0 && !side_is_full(&client->side)) {
        take_input(client, in->scratch, (size_t)n);
        return;
    }
    client_hold(client, in->scratch, (size_t)n);
    if (!client->is_ready && !side_is_full(&client->side))
        take_held(client);
}

static void discard(Client *client)
{
    IngressLoop *in = client->in;
    ssize_t n = side_read(&client->side, in->scratch, sizeof(in->scratch));

    if (n == 0 || n == SIDE_BROKEN)
        client_close(client);
}

static void read_client(h2o_socket_t *sock, const char *error)
{
    Client *client = sock->data;

    (void)error;
    switch (client->phase) {
    case PHASE_TLS:
        shake_hands(client);
        break;
    case PHASE_HEAD:
        read_head(client);
        break;
    case PHASE_LOOKUP:
        side_pause(&client->side);
        break;
    case PHASE_EXCHANGE:
    case PHASE_TUNNEL:
        if (client->held_len >= HEAD_MAX && client->request.done)
            side_pause(&client->side);
        else
            exchange_more_request(client);
        break;
    case PHASE_LAST:
    case PHASE_LINGER:
        discard(client);
        break;
    case PHASE_CLOSED:
        break;
    }
}
