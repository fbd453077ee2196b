/* Whatever a client or a backend sends is refused, or goes on as a head that reads just as it was
 * understood, with one framing and nothing of ours but what we wrote. */
#include "cara/mem.h"
#include "ingress_body.h"
#include "ingress_head.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEY  "00112233445566778899aabbccddeeff"
#define STEP 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

static void again(const RequestHead *head)
{
    static RequestHead second;
    _cleanup_(buf_done) Buf out = { .max = 4 * HEAD_MAX };
    const Forwarding forwarding = {
        .client = { "10.0.0.1", 8 }, .host = { "us", 2 }, .proto = { "https", 5 }, .hop_key = KEY
    };

    request_head_write(head, &forwarding, &out);
    check(!out.failed);
    if (out.len > HEAD_MAX || head->count > HEAD_MEMBERS_MAX - 10)
        return; /* what we add may make it too long for our own limits */
    int n = request_head_parse(out.data, out.len, 0, &second);
    check(n == (int)out.len || (head->host[0] == '\0' && n == -400)); /* HTTP/1.0 without a host */
    if (n < 0)
        return;
    check(second.body == head->body && second.length == head->length);
    check(strcmp(second.host, head->host) == 0);
    check(second.upgrade.len == head->upgrade.len);
    check(text_is(second.forwarded_for, "10.0.0.1", 8));
    check(text_is(second.hop, KEY, sizeof(KEY) - 1));
}

/* However it is cut, the same comes out. */
static void take_in_steps(BodyKind kind, uint64_t length, const char *data, size_t size)
{
    _cleanup_(mem_freep) char *whole = mem_alloc(size + 1);
    size_t len = size, at, rest, sum = 0, last = 0;
    Body body, slow;
    int rc = 0, slow_rc = 0;

    memcpy(whole, data, size);
    body_begin(&body, kind, length);
    rc = body_take(&body, whole, &len, &at, &rest);
    check(rc < 0 || len + rest <= size);
    body_begin(&slow, kind, length);
    for (size_t i = 0; i < size && slow_rc == 0; i += STEP) {
        char piece[STEP];
        size_t n = size - i < STEP ? size - i : STEP;
        size_t piece_at, piece_rest;
        memcpy(piece, data + i, n);
        slow_rc = body_take(&slow, piece, &n, &piece_at, &piece_rest);
        if (slow_rc == 0 && sum + n <= size && rc == 0)
            check(memcmp(whole + sum, piece, n) == 0);
        sum += n;
        last += piece_rest;
    }
    check((rc < 0) == (slow_rc < 0));
    check(rc < 0 || (sum == len && last == rest && body.done == slow.done));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static RequestHead request;
    static ResponseHead response;
    const char *text = (const char *)data;

    int n = request_head_parse(text, size, 0, &request);
    check(n <= (int)size && (n >= 0 || n == -400 || n == -431 || n == -501));
    if (n > 0) {
        again(&request);
        take_in_steps(request.body, request.length, text + n, size - (size_t)n);
    }
    n = response_head_parse(text, size, 0, size % 2 == 0, &response);
    check(n <= (int)size && (n >= 0 || n == -502));
    if (n > 0) {
        _cleanup_(buf_done) Buf out = { .max = 4 * HEAD_MAX };
        response_head_write(&response, &(ResponseStyle){ .minor = 1, .body = response.body }, &out);
        check(!out.failed && out.len > 4);
        check(memmem(out.data, out.len, "\r\n\r\n", 4) == out.data + out.len - 4);
        take_in_steps(response.body, response.length, text + n, size - (size_t)n);
    }
    return 0;
}
