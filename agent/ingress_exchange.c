/* One request on its way to a backend, and its answer on the way back. */
#include "ingress_conn.h"
#include "ingress_log.h"

#include "cara/mem.h"

#include <stdio.h>
#include <string.h>

#define TRIES_MAX 3

/* ---- towards the backend
 * -------------------------------------------------------------------------------- */

static void refuse_unreachable(Client *client)
{
    char detail[HOST_MAX + 64];

    snprintf(detail, sizeof(detail), "Backend \"%s\" is unreachable.", client->host);
    client_refuse(client, 502, detail);
}

static void drop_upstream(Client *client)
{
    Upstream *upstream = TAKE_PTR(client->upstream);

    if (upstream != NULL)
        upstream_close(upstream);
}

void exchange_end(Client *client)
{
    drop_upstream(client);
}

static void wait_for_upstream(Client *client)
{
    const Side *side = &client->upstream->side;

    client_wait(client, side->connecting                             ? WAIT_CONNECT
                        : client->request.done || side_is_full(side) ? WAIT_ANSWER
                                                                     : WAIT_BODY);
    if (!client->request.done && side_is_full(side))
        side_pause(&client->side);
    else
        side_resume(&client->side); /* a request that is whole, too: its client may go */
}

/* Sends what is known of the request; `more` is the beginning of a body that is not kept. Only the
 * first try may meet a connection that was closed while it waited. */
static void connect_and_send(Client *client, const struct iovec *more, size_t more_count)
{
    struct iovec pieces[1 + BODY_PIECES];
    bool repeatable = client->is_whole && client->is_safe_to_repeat;

    while (client->tries++ < TRIES_MAX) {
        drop_upstream(client);
        client->upstream =
            upstream_take(client->in, &client->target, client->tries == 1, !repeatable, client);
        if (client->upstream == NULL)
            break;
        pieces[0] = (struct iovec){ client->sent.data, client->sent.len };
        for (size_t i = 0; i < more_count; i++)
            pieces[1 + i] = more[i];
        if (side_send(&client->upstream->side, pieces, 1 + more_count) == 0) {
            wait_for_upstream(client);
            return;
        }
        if (!client->upstream->reused)
            break;
    }
    drop_upstream(client);
    refuse_unreachable(client);
}

void exchange_begin(Client *client, const RequestHead *head, const Forwarding *forwarding,
                    char *rest, size_t rest_len)
{
    struct iovec pieces[BODY_PIECES];
    ChunkFrame frame;
    size_t len = rest_len;
    size_t at, extra;
    size_t count;

    buf_reset(&client->sent);
    request_head_write(head, forwarding, &client->sent);
    body_begin(&client->request, head->body, head->length);
    client->request_kind = head->body;
    if (body_take(&client->request, rest, &len, &at, &extra) < 0) {
        client_refuse(client, 400, "The body of the request is not framed as it says.");
        return;
    }
    count = body_frame(head->body, rest, len, client->request.done, &frame, pieces);
    client->is_whole = client->request.done;
    if (client->is_whole) {
        for (size_t i = 0; i < count; i++)
            buf_add(&client->sent, pieces[i].iov_base, pieces[i].iov_len);
        count = 0;
    }
    client_hold(client, rest + at, extra);
    client->answer_begun = false;
    client->phase = PHASE_EXCHANGE;
    connect_and_send(client, pieces, count);
}

/* Both directions have ended and nothing is on its way. */
static void close_if_through(Client *client)
{
    if (client->request.done && client->answer.done && !side_is_full(&client->side) &&
        !side_is_full(&client->upstream->side))
        client_close(client);
}

/* The client has more of the body, or says something out of turn, or is gone. */
void exchange_more_request(Client *client)
{
    IngressLoop *in = client->in;
    struct iovec pieces[BODY_PIECES];
    ChunkFrame frame;
    size_t at, extra;
    ssize_t n = side_read(&client->side, in->scratch, sizeof(in->scratch));

    if (n == SIDE_AGAIN)
        return;
    if (n == 0 && client->phase == PHASE_TUNNEL) {
        side_pause(&client->side);
        side_shut(&client->upstream->side);
        client->request.done = true;
        close_if_through(client);
        return;
    }
    if (n <= 0) {
        client_close(client);
        return;
    }
    size_t len = (size_t)n;
    if (body_take(&client->request, in->scratch, &len, &at, &extra) < 0) {
        if (client->answer_begun)
            client_close(client);
        else
            client_refuse(client, 400, "The body of the request is not framed as it says.");
        return;
    }
    size_t count =
        body_frame(client->request_kind, in->scratch, len, client->request.done, &frame, pieces);
    if (count > 0 && side_send(&client->upstream->side, pieces, count) < 0) {
        exchange_upstream_broken(client->upstream);
        return;
    }
    if (extra > 0)
        client_hold(client, in->scratch + at, extra);
    if (side_is_full(&client->upstream->side) || client->held_len >= HEAD_MAX)
        side_pause(&client->side);
    if (client->phase == PHASE_TUNNEL)
        client_heard(client, WAIT_STREAM);
    else if (!client->answer_begun)
        client_heard(client, client->request.done || side_is_full(&client->upstream->side)
                                 ? WAIT_ANSWER
                                 : WAIT_BODY);
}

void exchange_connected(Upstream *upstream, bool ok)
{
    Client *client = upstream->client;

    if (!ok) {
        drop_upstream(client);
        refuse_unreachable(client);
        return;
    }
    wait_for_upstream(client);
}

void exchange_upstream_drained(Upstream *upstream)
{
    Client *client = upstream->client;

    if (client->phase == PHASE_TUNNEL && client->request.done) {
        close_if_through(client);
        return;
    }
    if (client->request.done || upstream->side.connecting)
        return;
    side_resume(&client->side);
    if (client->phase != PHASE_TUNNEL && !client->answer_begun)
        client_wait(client, WAIT_BODY);
}

/* ---- towards the client
 * --------------------------------------------------------------------------------- */

/* The backend's connection ended, or talks nonsense. */
static void upstream_failed(Client *client, bool silent)
{
    bool fresh = client->upstream != NULL && !client->upstream->reused;
    bool again = silent && !fresh && !client->answer_begun && client->is_whole &&
                 client->is_safe_to_repeat && client->tries < TRIES_MAX;

    if (again) { /* it was closed while it waited in the pool, and the request met that */
        connect_and_send(client, NULL, 0);
        return;
    }
    drop_upstream(client);
    if (client->answer_begun)
        client_close(client);
    else
        refuse_unreachable(client);
}

/* It takes no more of the request. It may have answered before, and that is worth having: what can
 * be read of it tells. */
void exchange_upstream_broken(Upstream *upstream)
{
    Client *client = upstream->client;

    if (client->phase != PHASE_EXCHANGE || client->request.done) {
        upstream_failed(client, upstream->held_len == 0);
        return;
    }
    client->keep_alive = false;
    client->request.done = true;
    client->is_whole = false;
    upstream->last = true;
    side_pause(&client->side);
    client_wait(client, WAIT_ANSWER);
}

static void begin_tunnel(Client *client)
{
    client->phase = PHASE_TUNNEL;
    body_begin(&client->request, BODY_UNTIL_CLOSE, 0);
    client->request_kind = BODY_UNTIL_CLOSE;
    body_begin(&client->answer, BODY_UNTIL_CLOSE, 0);
    client->answer_kind = BODY_UNTIL_CLOSE;
    client->answer_begun = true;
    client->keep_alive = false;
}

/* What the client said before it knew that it has a tunnel. */
static void flush_held(Client *client)
{
    struct iovec piece = { client->held, client->held_len };

    if (client->held_len > 0)
        side_send(&client->upstream->side, &piece, 1);
    client->held_len = 0;
}

static void choose_answer_style(Client *client, const ResponseHead *head, ResponseStyle *style)
{
    client->answer_kind = head->body;
    if (head->body == BODY_CHUNKED || head->body == BODY_UNTIL_CLOSE)
        client->answer_kind = client->minor == 1 ? BODY_CHUNKED : BODY_UNTIL_CLOSE;
    if (client->answer_kind == BODY_UNTIL_CLOSE || !client->request.done)
        client->keep_alive = false;
    *style = (ResponseStyle){ .minor = client->minor,
                              .keep_alive = client->keep_alive,
                              .body = client->answer_kind,
                              .hop = client->hop };
}

/* The other node does not have the host (any more), or has a new key. False: ask again elsewhere.
 */
static bool heed_peer(Client *client, const ResponseHead *head)
{
    if (!client->to_peer || head->hop.base == NULL)
        return true;
    peers_forget(client->in->peers, client->host);
    return !(head->status == 421 && text_is(head->hop, HOP_UNKNOWN, strlen(HOP_UNKNOWN)));
}

typedef enum Taken { TAKEN, TAKEN_PART, TAKEN_OVER } Taken;

/* The host has moved on. What was sent whole can be sent to where it is now. */
static Taken follow_host(Client *client)
{
    drop_upstream(client);
    if (client->is_whole && client->tries < TRIES_MAX) {
        client->phase = PHASE_LOOKUP;
        client->moves = true;
        client_wait(client, WAIT_LOOKUP);
        peers_find_again(client->in->peers, client);
        return TAKEN_OVER;
    }
    client_refuse_no_backend(client);
    return TAKEN_OVER;
}

/* The head of an answer; ret_used is its length, 0 as long as it is not whole. */
static Taken take_head(Client *client, const char *data, size_t len, size_t *ret_used)
{
    IngressLoop *in = client->in;
    ResponseHead *head = &in->response;
    ResponseStyle style = { .minor = client->minor };
    int n = response_head_parse(data, len, 0, client->is_head, head);

    *ret_used = n > 0 ? (size_t)n : 0;
    if (n == 0)
        return TAKEN_PART;
    if (n < 0 || (head->status == 101 && !client->upgrade)) {
        upstream_failed(client, false);
        return TAKEN_OVER;
    }
    if (!heed_peer(client, head))
        return follow_host(client);
    if (head->status < 200 && head->status != 101) { /* "go on", or a hint: the answer follows */
        if (client->minor == 1)
            response_head_write(head, &style, &in->head);
        return TAKEN;
    }
    client->status = head->status;
    if (head->status == 101) {
        response_head_write(head, &style, &in->head);
        begin_tunnel(client);
        flush_held(client);
        return TAKEN;
    }
    choose_answer_style(client, head, &style);
    client->answer_begun = true;
    body_begin(&client->answer, head->body, head->length);
    if (!head->keep_alive)
        client->upstream->last = true;
    response_head_write(head, &style, &in->head);
    return TAKEN;
}

static void finish(Client *client, bool upstream_clean)
{
    Upstream *upstream = TAKE_PTR(client->upstream);

    if (upstream_clean && client->request.done && !upstream->last && !side_is_full(&upstream->side))
        upstream_keep(upstream);
    else
        upstream_close(upstream);
    client_answered(client);
}

/* In front of it stands what in->head has. */
static void take_body(Client *client, char *data, size_t len)
{
    IngressLoop *in = client->in;
    Upstream *upstream = client->upstream;
    struct iovec pieces[1 + BODY_PIECES];
    ChunkFrame frame;
    size_t at, extra = 0;
    size_t count = 0;

    if (client->answer_begun && body_take(&client->answer, data, &len, &at, &extra) < 0) {
        client_close(client);
        return;
    }
    if (in->head.len > 0)
        pieces[count++] = (struct iovec){ in->head.data, in->head.len };
    if (client->answer_begun)
        count +=
            body_frame(client->answer_kind, data, len, client->answer.done, &frame, pieces + count);
    client->bytes += client->answer_begun ? len : 0;
    if (count > 0 && side_send(&client->side, pieces, count) < 0) {
        client_close(client);
        return;
    }
    if (client->answer_begun && client->answer.done && client->phase == PHASE_EXCHANGE) {
        finish(client, extra == 0);
        return;
    }
    if (side_is_full(&client->side)) {
        side_pause(&upstream->side);
        client_wait(client, WAIT_SEND);
    } else if (client->answer_begun) {
        client_heard(client, WAIT_STREAM);
    }
}

static void upstream_ended(Client *client, bool clean)
{
    struct iovec pieces[BODY_PIECES];
    ChunkFrame frame;

    if (client->phase == PHASE_TUNNEL && clean) {
        side_pause(&client->upstream->side);
        client->answer.done = true;
        side_shut(&client->side);
        close_if_through(client);
        return;
    }
    if (!client->answer_begun) {
        upstream_failed(client, client->upstream->held_len == 0);
        return;
    }
    if (client->answer.kind != BODY_UNTIL_CLOSE || !clean) {
        client_close(client); /* cut short: so must the client see it */
        return;
    }
    size_t count = body_frame(client->answer_kind, NULL, 0, true, &frame, pieces);
    if (count > 0 && side_send(&client->side, pieces, count) < 0)
        client_close(client);
    else
        finish(client, false);
}

static void hold_upstream(Upstream *upstream, const char *data, size_t len)
{
    if (data == upstream->held)
        return;
    upstream->held = mem_grow(upstream->held, upstream->held_len + len, 1);
    memcpy(upstream->held + upstream->held_len, data, len);
    upstream->held_len += len;
}

void exchange_on_upstream(Upstream *upstream)
{
    Client *client = upstream->client;
    IngressLoop *in = client->in;
    char *data = in->scratch;
    _cleanup_(mem_freep) char *joined = NULL;
    ssize_t n = side_read(&upstream->side, in->scratch, sizeof(in->scratch));

    if (n == SIDE_AGAIN)
        return;
    if (n <= 0) {
        upstream_ended(client, n == 0);
        return;
    }
    size_t len = (size_t)n;
    buf_reset(&in->head);
    if (upstream->held_len > 0) {
        hold_upstream(upstream, data, len);
        joined = data = TAKE_PTR(upstream->held);
        len = upstream->held_len;
        upstream->held_len = 0;
    }
    while (!client->answer_begun && len > 0) {
        size_t used = 0;
        Taken taken = take_head(client, data, len, &used);
        if (taken == TAKEN_OVER)
            return;
        if (taken == TAKEN_PART) {
            hold_upstream(upstream, data, len);
            len = 0;
            break;
        }
        data += used;
        len -= used;
    }
    take_body(client, data, len);
}

void exchange_client_drained(Client *client)
{
    if (client->upstream == NULL)
        return;
    if (client->phase == PHASE_TUNNEL && client->answer.done) {
        close_if_through(client);
        return;
    }
    side_resume(&client->upstream->side);
    client_wait(client, WAIT_STREAM);
}
