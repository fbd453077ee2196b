/* Any bytes from a peer, in any pieces, leave a WebSocket open, closed or failed, with bounded
 * answers. */
#include "cara/websocket.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

static void on_data(void *arg, const uint8_t *data, size_t len, bool starts)
{
    size_t *total = arg;

    (void)data;
    (void)starts;
    *total += len;
}

static void on_text(void *arg, const char *text, size_t len)
{
    size_t *total = arg;

    check(text[len] == '\0' && len <= WEBSOCKET_TEXT_MAX);
    *total += len;
}

/* The first byte chooses the side and the size of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const WebSocketEvents both = { .on_data = on_data, .on_text = on_text };
    static const WebSocketEvents plain = { .on_data = on_data };
    size_t total = 0;

    if (size < 2)
        return 0;
    size_t piece = (size_t)(data[0] >> 2) + 1;
    WebSocket *ws = websocket_new(-1, data[0] & 1, data[0] & 2 ? &both : &plain, &total);
    for (size_t at = 1; at < size && websocket_state(ws) == WEBSOCKET_OPEN; at += piece)
        websocket_feed(ws, data + at, piece < size - at ? piece : size - at);
    check(total <= size);
    check(websocket_pending(ws) <=
          4 * size + 16); /* pongs are no longer than pings, but for a mask */
    websocket_free(ws);
    return 0;
}
