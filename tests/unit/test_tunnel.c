/* WebSockets and tunnels over socket pairs: an agent's and caractrl's side run against each other.
 */
#include "cara/tunnel.h"
#include "cara/websocket.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS_MAX 100000

static void make_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

/* near.fd - tunnel - wire - tunnel - far.fd, as port-forward has it. */
typedef struct Line {
    int near[2]; /* [0] is the test's end */
    int wire[2];
    int far[2];
    Tunnel *client;
    Tunnel *server;
} Line;

static void line_open(Line *line, bool half_close)
{
    make_pair(line->near);
    make_pair(line->wire);
    make_pair(line->far);
    line->client = tunnel_new(line->wire[0], line->near[1], false, half_close);
    line->server = tunnel_new(line->wire[1], line->far[1], true, half_close);
}

static void line_close(Line *line)
{
    tunnel_free(line->client);
    tunnel_free(line->server);
    for (int i = 0; i < 2; i++) {
        close(line->near[i]);
        close(line->wire[i]);
        close(line->far[i]);
    }
}

static unsigned events_of(const struct pollfd *ws, const struct pollfd *fd)
{
    unsigned events = 0;

    events |= ws->revents & (POLLIN | POLLHUP | POLLERR) ? TUNNEL_WS_READ : 0u;
    events |= ws->revents & (POLLOUT | POLLHUP | POLLERR) ? TUNNEL_WS_WRITE : 0u;
    events |= fd->revents & (POLLIN | POLLHUP | POLLERR) ? TUNNEL_FD_READ : 0u;
    events |= fd->revents & (POLLOUT | POLLHUP | POLLERR) ? TUNNEL_FD_WRITE : 0u;
    return events;
}

/* What an owner does; closes what is over. True while something happens. */
static bool step(Tunnel **tunnel, int *ws_fd, int *fd)
{
    if (*tunnel == NULL)
        return false;
    unsigned wants = tunnel_wants(*tunnel);
    struct pollfd fds[2] = {
        { .fd = *ws_fd,
          .events = (short)((wants & TUNNEL_WS_READ ? POLLIN : 0) |
                            (wants & TUNNEL_WS_WRITE ? POLLOUT : 0)) },
        { .fd = *fd,
          .events = (short)((wants & TUNNEL_FD_READ ? POLLIN : 0) |
                            (wants & TUNNEL_FD_WRITE ? POLLOUT : 0)) },
    };
    if (wants == 0) {
        tunnel_free(*tunnel);
        *tunnel = NULL;
        close(*ws_fd);
        close(*fd);
        *ws_fd = *fd = -1;
        return true;
    }
    for (int i = 0; i < 2; i++)
        if (fds[i].events == 0)
            fds[i].fd = -1;
    poll(fds, 2, 0);
    unsigned events = events_of(&fds[0], &fds[1]) & wants;
    if (events == 0)
        return false;
    tunnel_ready(*tunnel, events);
    return true;
}

static void run(Line *line)
{
    for (int i = 0; i < ROUNDS_MAX; i++) {
        bool near = step(&line->client, &line->wire[0], &line->near[1]);
        bool far = step(&line->server, &line->wire[1], &line->far[1]);
        if (!near && !far)
            return;
    }
    fail_msg("the tunnels do not come to rest");
}

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect(int fd, const char *text)
{
    char got[256] = "";

    assert_int_equal(recv(fd, got, sizeof(got) - 1, 0), strlen(text));
    assert_string_equal(got, text);
}

static void expect_end(int fd)
{
    char byte;

    assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void expect_nothing(int fd)
{
    char byte;

    assert_int_equal(recv(fd, &byte, 1, 0), -1);
}

static void bytes_go_both_ways(void **state)
{
    Line line;

    (void)state;
    line_open(&line, true);
    send_text(line.near[0], "there");
    send_text(line.far[0], "and back");
    run(&line);
    expect(line.far[0], "there");
    expect(line.near[0], "and back");
    line_close(&line);
}

static void each_direction_ends_by_itself(void **state)
{
    Line line;

    (void)state;
    line_open(&line, true);
    send_text(line.near[0], "question");
    shutdown(line.near[0], SHUT_WR);
    run(&line);
    expect(line.far[0], "question");
    expect_end(line.far[0]);
    expect_nothing(line.near[0]);
    assert_non_null(line.client);
    send_text(line.far[0], "answer");
    close(line.far[0]);
    line.far[0] = -1;
    run(&line);
    expect(line.near[0], "answer");
    expect_end(line.near[0]);
    assert_null(line.client);
    assert_null(line.server);
    line_close(&line);
}

static void without_half_close_an_end_ends_both_after_what_was_sent(void **state)
{
    Line line;

    (void)state;
    line_open(&line, false);
    send_text(line.far[0], "last words");
    close(line.far[0]);
    line.far[0] = -1;
    run(&line);
    expect(line.near[0], "last words");
    expect_end(line.near[0]);
    assert_null(line.client);
    assert_null(line.server);
    line_close(&line);
}

static void a_peer_that_vanishes_ends_the_other_side(void **state)
{
    Line line;

    (void)state;
    line_open(&line, true);
    send_text(line.near[0], "x");
    run(&line);
    expect(line.far[0], "x");
    tunnel_free(line.client);
    line.client = NULL;
    close(line.wire[0]);
    line.wire[0] = -1;
    run(&line);
    assert_null(line.server);
    expect_end(line.far[0]);
    line_close(&line);
}

/* Fills until nothing more goes in; returns how much did. */
static size_t fill(Line *line, int fd)
{
    static const char data[16384];
    size_t total = 0;

    for (int idle = 0; idle < 3; idle++) {
        for (ssize_t n; (n = send(fd, data, sizeof(data), MSG_NOSIGNAL)) > 0; idle = 0)
            total += (size_t)n;
        run(line);
    }
    return total;
}

static size_t drain(Line *line, int fd)
{
    char data[16384];
    size_t total = 0;

    for (int idle = 0; idle < 3; idle++) {
        run(line);
        for (ssize_t n; (n = recv(fd, data, sizeof(data), 0)) > 0; idle = 0)
            total += (size_t)n;
    }
    return total;
}

static void who_does_not_read_stops_who_sends_and_nothing_is_lost(void **state)
{
    Line line;

    (void)state;
    for (int direction = 0; direction < 2; direction++) {
        line_open(&line, true);
        int from = direction == 0 ? line.near[0] : line.far[0];
        int to = direction == 0 ? line.far[0] : line.near[0];
        size_t sent = fill(&line, from);
        assert_true(sent > 64 * 1024);
        assert_true(sent < 4 * 1024 * 1024);
        send_text(to, "the other way is free");
        run(&line);
        expect(from, "the other way is free");
        assert_int_equal(drain(&line, to), sent);
        line_close(&line);
    }
}

static void a_side_that_breaks_while_there_is_more_for_it_resets_the_other(void **state)
{
    Line line;

    (void)state;
    line_open(&line, true);
    fill(&line, line.near[0]);
    close(line.far[0]);
    line.far[0] = -1;
    drain(&line, line.near[0]);
    assert_null(line.server);
    assert_null(line.client);
    line_close(&line);
}

/* ---- frames ---------------------------------------------------------------------------------- */

typedef struct Seen {
    char data[256];
    size_t len;
    int messages;
    char text[256];
} Seen;

static void see_data(void *arg, const uint8_t *data, size_t len, bool starts)
{
    Seen *seen = arg;

    seen->messages += starts;
    memcpy(seen->data + seen->len, data, len);
    seen->len += len;
}

static void see_text(void *arg, const char *text, size_t len)
{
    Seen *seen = arg;

    assert_int_equal(strlen(text), len);
    snprintf(seen->text, sizeof(seen->text), "%s", text);
}

static const WebSocketEvents seeing = { .on_data = see_data, .on_text = see_text };

static void messages_arrive_whatever_the_pieces_they_come_in(void **state)
{
    /* an empty binary message, "ab" + ping + "c" fragmented, text "hi"; unmasked, from a server */
    static const uint8_t frames[] = { 0x82, 0,    0x02, 2,   'a',  'b', 0x89, 1,
                                      'p',  0x80, 1,    'c', 0x81, 2,   'h',  'i' };
    int fds[2];

    (void)state;
    for (size_t size = 1; size <= sizeof(frames); size++) {
        Seen seen = { .len = 0 };
        make_pair(fds);
        WebSocket *ws = websocket_new(fds[0], false, &seeing, &seen);
        for (size_t at = 0; at < sizeof(frames); at += size)
            websocket_feed(ws, frames + at,
                           size < sizeof(frames) - at ? size : sizeof(frames) - at);
        assert_int_equal(websocket_state(ws), WEBSOCKET_OPEN);
        assert_int_equal(seen.messages, 2);
        assert_int_equal(seen.len, 3);
        assert_memory_equal(seen.data, "abc", 3);
        assert_string_equal(seen.text, "hi");
        assert_int_equal(websocket_pending(ws), 2 + 4 + 1); /* a masked pong */
        websocket_free(ws);
        close(fds[0]);
        close(fds[1]);
    }
}

static void a_text_that_is_too_long_is_refused(void **state)
{
    _cleanup_(mem_freep) uint8_t *text = mem_alloc(WEBSOCKET_READ_MAX);
    const uint8_t head[] = { 0x81, 127, 0, 0, 0, 0, 0, 2, 0, 1 }; /* 128 KiB and 1 */
    Seen seen = { .len = 0 };
    int fds[2];

    (void)state;
    make_pair(fds);
    WebSocket *ws = websocket_new(fds[0], false, &seeing, &seen);
    memset(text, 'x', WEBSOCKET_READ_MAX);
    websocket_feed(ws, head, sizeof(head));
    for (size_t sent = 0; sent <= WEBSOCKET_TEXT_MAX; sent += WEBSOCKET_READ_MAX)
        websocket_feed(ws, text, WEBSOCKET_READ_MAX);
    assert_int_equal(websocket_state(ws), WEBSOCKET_CLOSED);
    assert_string_equal(seen.text, "");
    websocket_free(ws);
    close(fds[0]);
    close(fds[1]);
}

static void the_proof_is_as_in_the_rfc(void **state)
{
    static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
    char proof[WEBSOCKET_PROOF_SIZE];
    char made[WEBSOCKET_KEY_SIZE];

    (void)state;
    websocket_make_proof(key, strlen(key), proof);
    assert_string_equal(proof, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_true(websocket_key_is_valid(key, strlen(key)));
    websocket_make_key(made);
    assert_true(websocket_key_is_valid(made, strlen(made)));
}

static void keys_that_are_no_16_bytes(void **state)
{
    static const char *const keys[] = { "",
                                        "dGhlIHNhbXBsZSBub25jZQ",
                                        "dGhlIHNhbXBsZSBub25jZQ=",
                                        "dGhlIHNhbXBsZSBub25jZ===",
                                        "dGhlIHNhbXBsZSBub25jZXh4",
                                        "dGhl!HNhbXBsZSBub25jZQ==" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_false(websocket_key_is_valid(keys[i], strlen(keys[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(each_direction_ends_by_itself),
        cmocka_unit_test(without_half_close_an_end_ends_both_after_what_was_sent),
        cmocka_unit_test(a_peer_that_vanishes_ends_the_other_side),
        cmocka_unit_test(who_does_not_read_stops_who_sends_and_nothing_is_lost),
        cmocka_unit_test(a_side_that_breaks_while_there_is_more_for_it_resets_the_other),
        cmocka_unit_test(messages_arrive_whatever_the_pieces_they_come_in),
        cmocka_unit_test(a_text_that_is_too_long_is_refused),
        cmocka_unit_test(the_proof_is_as_in_the_rfc),
        cmocka_unit_test(keys_that_are_no_16_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
