/* The pure parts of reaching into a container: handshakes, frames, words, and which container it
 * is. */
#include "agent_address.h"
#include "exec_words.h"
#include "frames.h"
#include "handshake.h"
#include "lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY   "dGhlIHNhbXBsZSBub25jZQ=="
#define PROOF "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define UPGRADED                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: " PROOF "\r\n"

static const Handshake asked = { .host = "n1:9090", .path = "/p", .protocol = "x.v1", .key = KEY };

static long parse(const char *answer, bool ended, bool *ret_agreed, Err *err)
{
    err_clear(err);
    return handshake_parse(&asked, answer, strlen(answer), ended, ret_agreed, err);
}

static void an_answer_that_proves_itself_is_taken(void **state)
{
    Err err = { 0 };
    bool agreed = true;

    (void)state;
    assert_int_equal(parse(UPGRADED "\r\nframes", false, &agreed, &err), strlen(UPGRADED) + 2);
    assert_false(agreed);
    assert_true(parse(UPGRADED "Sec-WebSocket-Protocol: x.v1\r\n\r\n", false, &agreed, &err) > 0);
    assert_true(agreed);
}

static void an_answer_may_come_in_any_pieces(void **state)
{
    static const char whole[] = UPGRADED "\r\n";
    Err err = { 0 };
    bool agreed;

    (void)state;
    for (size_t len = 0; len < strlen(whole); len++)
        assert_int_equal(handshake_parse(&asked, whole, len, false, &agreed, &err), 0);
}

static void a_refusal_is_told_in_its_own_words(void **state)
{
    static const struct {
        const char *answer;
        bool ended;
        const char *message;
    } rows[] = {
        { "HTTP/1.1 404 Not Found\r\nContent-Length: 37\r\n\r\n{\"title\":\"Not "
          "Found\",\"detail\":\"gone\"}",
          false, "Not Found: gone" },
        { "HTTP/1.0 503 Service Unavailable\r\n\r\nbusy\n", true,
          "server returned 503 Service Unavailable: busy" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, "server returned 200 OK: hi" },
        { "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n", false,
          "WebSocket dial failed: n1:9090 is not an agent" },
        { "SSH-2.0-OpenSSH\r\n", false, "WebSocket dial failed: n1:9090 does not speak HTTP" },
        { "HTTP/1.1 x\r\n\r\n", false, "WebSocket dial failed: n1:9090 does not speak HTTP" },
        { "HTTP/1.1 101 Swi", true, "WebSocket dial failed: n1:9090: unexpected EOF" },
    };
    bool agreed;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Err err = { 0 };
        assert_int_equal(parse(rows[i].answer, rows[i].ended, &agreed, &err), -1);
        assert_string_equal(err.message, rows[i].message);
    }
}

static void frames_may_be_cut_anywhere(void **state)
{
    static const char data[] =
        "\1\0\0\0\0\0\0\3out\2\0\0\0\0\0\0\3err\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1!";
    size_t total = sizeof(data) - 1;

    (void)state;
    for (size_t size = 1; size <= total; size++) {
        Frames frames = { .left = 0 };
        char out[3][16] = { "", "", "" };
        for (size_t at = 0; at < total;) {
            size_t len = size < total - at ? size : total - at;
            int stream;
            size_t piece;
            size_t n = frames_take(&frames, data + at, len, &stream, &piece);
            strncat(out[stream], data + at + n - piece, piece);
            at += n;
        }
        assert_string_equal(out[1], "out!");
        assert_string_equal(out[2], "err");
    }
}

static void words_of_exec(void **state)
{
    static const char start[] =
        "{\"start\":{\"command\":[\"ls\",\"-l\"],\"stdin\":true,\"tty\":true,"
        "\"term\":\"xterm\",\"columns\":80,\"rows\":24}}";
    _cleanup_(exec_word_done) ExecWord word = { .columns = 0 };
    Err err = { 0 };

    (void)state;
    assert_int_equal(exec_word_parse(start, strlen(start), &word, &err), 0);
    assert_int_equal(word.kind, EXEC_START);
    assert_true(word.tty);
    assert_int_equal(word.columns, 80);
    assert_int_equal(word.rows, 24);
    assert_string_equal(word.body,
                        "{\"AttachStdin\":true,\"AttachStdout\":true,\"AttachStderr\":true,"
                        "\"Tty\":true,\"Cmd\":[\"ls\",\"-l\"],\"Env\":[\"TERM=xterm\"]}");
    exec_word_done(&word);
    assert_int_equal(exec_word_parse("{\"eof\":true}", 12, &word, &err), 0);
    assert_int_equal(word.kind, EXEC_EOF);
    assert_int_equal(exec_word_parse("{\"eof\":", 7, &word, &err), -1);
    assert_non_null(strstr(err.message, "expected start, resize or eof: "));
}

#define CONTAINER(id, name, state, ip, project, service)                                           \
    "{\"Id\":\"" id "\",\"Names\":[\"/" name "\"],\"State\":\"" state                              \
    "\",\"Labels\":{\"cara.project\":\"" project "\",\"cara.service\":\"" service                  \
    "\"},\"NetworkSettings\":{\"Networks\":{\"other\":{\"IPAddress\":\"9.9.9.9\"},\"cara-p\":"     \
    "{\"IPAddress\":\"" ip "\"}}}}"

static void the_container_that_is_meant_is_picked(void **state)
{
    static const struct {
        const char *list;
        const char *id; /* NULL: none */
    } rows[] = {
        { "[]", NULL },
        { "no JSON", NULL },
        { "[" CONTAINER("a", "p-s", "running", "1.1.1.1", "p", "other") "]", NULL },
        { "[" CONTAINER("a", "p-s", "running", "1.1.1.1", "p", "s") "]", "a" },
        { "[" CONTAINER("a", "p-s-next_", "running", "1.1.1.1", "p",
                        "s") "," CONTAINER("b", "p-s", "running", "1.1.1.1", "p", "s") "]",
          "b" },
        { "[" CONTAINER("a", "p-s", "exited", "", "p",
                        "s") "," CONTAINER("b", "p-s-next_", "running", "1.1.1.1", "p", "s") "]",
          "b" },
        { "[" CONTAINER("a", "p-s", "exited", "", "p",
                        "s") "," CONTAINER("b", "p-s-next_", "created", "", "p", "s") "]",
          "a" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        LookupContainer found = { .id = "" };
        bool any = lookup_pick(rows[i].list, strlen(rows[i].list), "p", "s", &found);
        assert_int_equal(any, rows[i].id != NULL);
        if (any)
            assert_string_equal(found.id, rows[i].id);
        if (any && strcmp(found.state, "running") == 0)
            assert_string_equal(found.address, "1.1.1.1");
    }
}

static void addresses_of_agents(void **state)
{
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        const char *port;
    } rows[] = {
        { "n1:9090", "n1", "9090" }, { "[::1]:80", "::1", "80" }, { ":80", NULL, NULL },
        { "n1:", NULL, NULL },       { "n1:x", NULL, NULL },      { "n1:1234567890", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AgentAddress address;
        Err err = { 0 };
        int result = agent_address_parse(rows[i].text, &address, &err);
        assert_int_equal(result, rows[i].host != NULL ? 0 : -1);
        if (result < 0)
            continue;
        assert_string_equal(address.host, rows[i].host);
        assert_string_equal(address.port, rows[i].port);
        _cleanup_(mem_freep) char *text = agent_address_text(&address);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_proves_itself_is_taken),
        cmocka_unit_test(an_answer_may_come_in_any_pieces),
        cmocka_unit_test(a_refusal_is_told_in_its_own_words),
        cmocka_unit_test(frames_may_be_cut_anywhere),
        cmocka_unit_test(words_of_exec),
        cmocka_unit_test(the_container_that_is_meant_is_picked),
        cmocka_unit_test(addresses_of_agents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
