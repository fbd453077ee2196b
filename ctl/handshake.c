#include "handshake.h"

#include "cara/http.h"
#include "cara/version.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct Answer {
    int status;
    size_t head_len;
    char reason[64];
    bool upgraded;
    bool proven;
    bool agreed;
    long body_len; /* -1: until the connection ends */
} Answer;

char *handshake_request(const Handshake *handshake)
{
    return mem_printf("GET %s HTTP/1.1\r\n"
                      "Host: %s\r\n"
                      "User-Agent: caractrl/%s\r\n"
                      "Connection: Upgrade\r\n"
                      "Upgrade: websocket\r\n"
                      "Sec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: %s\r\n"
                      "Sec-WebSocket-Protocol: %s\r\n"
                      "\r\n",
                      handshake->path, handshake->host, cara_version, handshake->key,
                      handshake->protocol);
}

static bool is(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

static long parse_length(const char *text, size_t len)
{
    long value = 0;

    if (len == 0 || len > 9)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static void take_header(const Handshake *handshake, const char *line, size_t len, Answer *answer)
{
    const char *colon = memchr(line, ':', len);
    char proof[WEBSOCKET_PROOF_SIZE];

    if (colon == NULL)
        return;
    const char *value = colon + 1;
    const char *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t name_len = (size_t)(colon - line);
    size_t value_len = (size_t)(end - value);

    if (is(line, name_len, "Upgrade")) {
        answer->upgraded = is(value, value_len, "websocket");
    } else if (is(line, name_len, "Sec-WebSocket-Accept")) {
        websocket_make_proof(handshake->key, strlen(handshake->key), proof);
        answer->proven = value_len == strlen(proof) && memcmp(value, proof, value_len) == 0;
    } else if (is(line, name_len, "Sec-WebSocket-Protocol")) {
        answer->agreed = is(value, value_len, handshake->protocol);
    } else if (is(line, name_len, "Content-Length")) {
        answer->body_len = parse_length(value, value_len);
    }
}

/* "HTTP/1.1 404 Not Found" */
static int take_status(const char *line, size_t len, Answer *answer)
{
    long status = len >= 12 && strncmp(line, "HTTP/1.", 7) == 0 ? parse_length(line + 9, 3) : -1;

    if (status < 100)
        return -1;
    answer->status = (int)status;
    if (len > 13)
        snprintf(answer->reason, sizeof(answer->reason), "%.*s", (int)(len - 13), line + 13);
    return 0;
}

/* 1 with the head, 0 when it is not whole yet. */
static int parse_head(const Handshake *handshake, const char *data, size_t len, Answer *answer)
{
    const char *stop = memmem(data, len, "\r\n\r\n", 4);
    const char *line = data;

    if (stop == NULL)
        return len > 8 && strncmp(data, "HTTP/1.", 7) != 0 ? -1 : 0;
    answer->head_len = (size_t)(stop - data) + 4;
    answer->body_len = -1;
    for (const char *next; line < stop + 2; line = next + 2) {
        next = memmem(line, (size_t)(stop + 2 - line), "\r\n", 2);
        size_t line_len = (size_t)(next - line);
        if (line != data)
            take_header(handshake, line, line_len, answer);
        else if (take_status(line, line_len, answer) < 0)
            return -1;
    }
    return 1;
}

static long refuse(const Answer *answer, const char *data, size_t len, Err *err)
{
    size_t body_len = len - answer->head_len;
    _cleanup_(http_reply_done) HttpReply reply = { .status = answer->status };

    if (answer->body_len >= 0 && (size_t)answer->body_len < body_len)
        body_len = (size_t)answer->body_len;
    reply.body = mem_strndup(data + answer->head_len, body_len);
    reply.len = strlen(reply.body);
    snprintf(reply.reason, sizeof(reply.reason), "%s", answer->reason);
    return http_problem(&reply, err);
}

long handshake_parse(const Handshake *handshake, const char *data, size_t len, bool ended,
                     bool *ret_agreed, Err *err)
{
    Answer answer = { 0 };
    int has_head = parse_head(handshake, data, len, &answer);

    if (has_head < 0)
        return err_set(err, ERR_HTTP, "WebSocket dial failed: %s does not speak HTTP",
                       handshake->host);
    if (has_head == 0 && (ended || len >= HANDSHAKE_ANSWER_MAX))
        return err_set(err, ERR_UNAVAILABLE, "WebSocket dial failed: %s: %s", handshake->host,
                       ended ? "unexpected EOF" : "the answer is too long");
    if (has_head == 0)
        return 0;
    if (answer.status == 101 && answer.upgraded && answer.proven) {
        *ret_agreed = answer.agreed;
        return (long)answer.head_len;
    }
    if (answer.status < 200)
        return err_set(err, ERR_HTTP, "WebSocket dial failed: %s is not an agent", handshake->host);
    bool whole = answer.body_len >= 0 && len - answer.head_len >= (size_t)answer.body_len;
    if (!whole && !ended && len < HANDSHAKE_ANSWER_MAX)
        return 0;
    return refuse(&answer, data, len, err);
}
