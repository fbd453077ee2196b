#include "cara/websocket.h"

#include "cara/backlog.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#define KEY_BYTES   16
#define REASON_MAX  123
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */

struct WebSocket {
    int fd;
    wslay_event_context_ptr wslay; /* owned */
    const WebSocketEvents *events;
    void *arg;
    WebSocketState state;
    struct {
        const uint8_t *data; /* what is being fed to wslay */
        size_t len;
        uint8_t opcode; /* of the frame under way */
        bool is_text;   /* the message under way goes to on_text */
        bool starts;    /* nothing of the message was handed out yet */
        char *text;     /* owned: a text message so far */
        size_t text_len;
    } in;
    Backlog out;
};

/* ---- between wslay and our buffers ----------------------------------------------------------- */

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *to, size_t len, int flags, void *arg)
{
    WebSocket *ws = arg;
    size_t n = ws->in.len < len ? ws->in.len : len;

    (void)flags;
    if (n == 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(to, ws->in.data, n);
    ws->in.data += n;
    ws->in.len -= n;
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags,
                       void *arg)
{
    WebSocket *ws = arg;

    (void)ctx;
    (void)flags;
    backlog_add(&ws->out, data, len);
    return (ssize_t)len;
}

static int on_mask(wslay_event_context_ptr ctx, uint8_t *key, size_t len, void *arg)
{
    (void)ctx;
    (void)arg;
    return RAND_bytes(key, (int)len) == 1 ? 0 : -1;
}

static void on_frame(wslay_event_context_ptr ctx,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
    WebSocket *ws = arg;

    (void)ctx;
    ws->in.opcode = frame->opcode;
    if (frame->opcode != WSLAY_TEXT_FRAME && frame->opcode != WSLAY_BINARY_FRAME)
        return;
    ws->in.is_text = frame->opcode == WSLAY_TEXT_FRAME && ws->events->on_text != NULL;
    ws->in.starts = true;
}

static void take_text(WebSocket *ws, const uint8_t *data, size_t len)
{
    if (len > WEBSOCKET_TEXT_MAX - ws->in.text_len) {
        websocket_send_close(ws, WSLAY_CODE_MESSAGE_TOO_BIG, NULL);
        return;
    }
    ws->in.text = mem_grow(ws->in.text, ws->in.text_len + len + 1, 1);
    memcpy(ws->in.text + ws->in.text_len, data, len);
    ws->in.text_len += len;
    ws->in.text[ws->in.text_len] = '\0';
}

static void on_chunk(wslay_event_context_ptr ctx,
                     const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *arg)
{
    WebSocket *ws = arg;

    (void)ctx;
    if (wslay_is_ctrl_frame(ws->in.opcode))
        return;
    if (ws->in.is_text) {
        take_text(ws, chunk->data, chunk->data_length);
    } else if (chunk->data_length > 0) {
        ws->events->on_data(ws->arg, chunk->data, chunk->data_length, ws->in.starts);
        ws->in.starts = false;
    }
}

static void on_message(wslay_event_context_ptr ctx,
                       const struct wslay_event_on_msg_recv_arg *message, void *arg)
{
    WebSocket *ws = arg;

    if (wslay_is_ctrl_frame(message->opcode) || !wslay_event_want_read(ctx))
        return; /* the latter: it ends with the piece for which it was refused */
    if (!ws->in.is_text) {
        if (ws->in.starts) /* an empty one */
            ws->events->on_data(ws->arg, (const uint8_t *)"", 0, true);
        ws->in.starts = false;
        return;
    }
    char *text = TAKE_PTR(ws->in.text);
    size_t len = ws->in.text_len;
    ws->in.text_len = 0;
    ws->events->on_text(ws->arg, text != NULL ? text : "", len);
    free(text);
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .genmask_callback = on_mask,
    .on_frame_recv_start_callback = on_frame,
    .on_frame_recv_chunk_callback = on_chunk,
    .on_msg_recv_callback = on_message,
};

/* ---- the socket ------------------------------------------------------------------------------ */

WebSocket *websocket_new(int fd, bool server, const WebSocketEvents *events, void *arg)
{
    WebSocket *ws = mem_alloc(sizeof(*ws));

    ws->fd = fd;
    ws->events = events;
    ws->arg = arg;
    if ((server ? wslay_event_context_server_init
                : wslay_event_context_client_init)(&ws->wslay, &callbacks, ws) != 0)
        abort(); /* it fails only without memory */
    wslay_event_config_set_no_buffering(ws->wslay, 1);
    wslay_event_config_set_max_recv_msg_length(ws->wslay, INT64_MAX); /* it goes on as it comes */
    return ws;
}

void websocket_free(WebSocket *ws)
{
    if (ws == NULL)
        return;
    wslay_event_context_free(ws->wslay);
    free(ws->in.text);
    backlog_drop(&ws->out);
    free(ws);
}

/* Turns queued messages into bytes that wait. */
static void frame_queued(WebSocket *ws)
{
    if (wslay_event_want_write(ws->wslay) && wslay_event_send(ws->wslay) != 0)
        ws->state = WEBSOCKET_GONE; /* no randomness for a mask: nothing can be sent any more */
}

void websocket_feed(WebSocket *ws, const void *data, size_t len)
{
    if (ws->state != WEBSOCKET_OPEN)
        return;
    ws->in.data = data;
    ws->in.len = len;
    int failed = wslay_event_recv(ws->wslay);
    frame_queued(ws); /* pongs, and the answer to a close frame */
    if (ws->state == WEBSOCKET_OPEN && (failed != 0 || !wslay_event_want_read(ws->wslay)))
        ws->state = WEBSOCKET_CLOSED;
}

void websocket_read(WebSocket *ws)
{
    uint8_t data[WEBSOCKET_READ_MAX];
    ssize_t n = recv(ws->fd, data, sizeof(data), 0);

    if (n > 0)
        websocket_feed(ws, data, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        ws->state = WEBSOCKET_GONE;
}

void websocket_write(WebSocket *ws)
{
    if (backlog_flush(&ws->out, ws->fd) < 0) {
        ws->state = WEBSOCKET_GONE;
        backlog_drop(&ws->out);
    }
}

static void queue(WebSocket *ws, uint8_t opcode, const void *data, size_t len)
{
    struct wslay_event_msg message = { .opcode = opcode, .msg = data, .msg_length = len };

    if (wslay_event_queue_msg(ws->wslay, &message) == 0)
        frame_queued(ws);
}

void websocket_send(WebSocket *ws, const void *data, size_t len)
{
    queue(ws, WSLAY_BINARY_FRAME, data, len);
}

void websocket_send_text(WebSocket *ws, const char *text, size_t len)
{
    queue(ws, WSLAY_TEXT_FRAME, text, len);
}

void websocket_send_close(WebSocket *ws, unsigned code, const char *reason)
{
    size_t len = reason != NULL ? strlen(reason) : 0;

    wslay_event_shutdown_read(ws->wslay);
    if (wslay_event_queue_close(ws->wslay, (uint16_t)code, (const uint8_t *)reason,
                                len < REASON_MAX ? len : REASON_MAX) == 0)
        frame_queued(ws);
}

size_t websocket_pending(const WebSocket *ws)
{
    return backlog_len(&ws->out);
}

WebSocketState websocket_state(const WebSocket *ws)
{
    return ws->state;
}

unsigned websocket_close_code(const WebSocket *ws)
{
    return wslay_event_get_status_code_received(ws->wslay);
}

/* ---- the handshake --------------------------------------------------------------------------- */

void websocket_make_key(char ret_key[static WEBSOCKET_KEY_SIZE])
{
    uint8_t random[KEY_BYTES];

    if (RAND_bytes(random, sizeof(random)) != 1)
        abort(); /* the operating system has no randomness */
    EVP_EncodeBlock((uint8_t *)ret_key, random, sizeof(random));
}

bool websocket_key_is_valid(const char *key, size_t len)
{
    uint8_t decoded[KEY_BYTES + 2];

    return len == WEBSOCKET_KEY_SIZE - 1 && memcmp(key + len - 2, "==", 2) == 0 &&
           key[len - 3] != '=' && EVP_DecodeBlock(decoded, (const uint8_t *)key, (int)len) == 18;
}

void websocket_make_proof(const char *key, size_t len, char ret_proof[static WEBSOCKET_PROOF_SIZE])
{
    _cleanup_(mem_freep) char *text = mem_printf("%.*s%s", (int)len, key, ACCEPT_GUID);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (EVP_Digest(text, strlen(text), digest, &size, EVP_sha1(), NULL) != 1)
        abort(); /* a libcrypto without SHA-1 cannot speak WebSocket */
    EVP_EncodeBlock((uint8_t *)ret_proof, digest, (int)size);
}
