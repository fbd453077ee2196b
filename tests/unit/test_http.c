/* The HTTP client: what an error answer, an escaped name and a refused connection look like. */
#include "cara/http.h"
#include "cara/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void problem_reads_as_contract_says(void **state)
{
    static const struct {
        const char *reason;
        const char *body;
        const char *want;
    } cases[] = {
        { "Not Found",
          "{\"title\":\"Not Found\",\"status\":404,\"detail\":\"project not found: x\"}",
          "Not Found: project not found: x" },
        { "Not Found", "{\"title\":\"Bad\",\"errors\":[\"one\",\"two\"]}", "Bad: one; two" },
        { "Not Found", "{\"title\":\"Bad\",\"detail\":\"\",\"errors\":[]}", "Bad" },
        { "Not Found", "{\"title\":\"\"}", "server returned 404 Not Found: {\"title\":\"\"}" },
        { "Not Found", "  404 page not found\n",
          "server returned 404 Not Found: 404 page not found" },
        { "Nope", "<html>", "server returned 404 Nope: <html>" },
        { "", "", "server returned 404: " },
        { "Not Found", "{\"title\":5}", "server returned 404 Not Found: {\"title\":5}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[256];
        Err err = { 0 };
        snprintf(body, sizeof(body), "%s", cases[i].body);
        HttpReply reply = { .status = 404, .body = body, .len = strlen(body) };
        snprintf(reply.reason, sizeof(reply.reason), "%s", cases[i].reason);
        assert_int_equal(http_problem(&reply, &err), -1);
        assert_string_equal(err.message, cases[i].want);
        assert_int_equal(err.status, 404);
        assert_int_equal(err.kind, ERR_HTTP);
    }
}

static void escape_leaves_only_unreserved(void **state)
{
    _cleanup_(mem_freep) char *plain = http_escape("Az09-._~");
    _cleanup_(mem_freep) char *odd = http_escape("a b/c?d\xC3\xA9%");

    (void)state;
    assert_string_equal(plain, "Az09-._~");
    assert_string_equal(odd, "a%20b%2Fc%3Fd%C3%A9%25");
}

static int call(const char *base, Err *err)
{
    Http *http = NULL;
    HttpOptions options = { .base = base, .timeout_ms = 2000, .max_body = 1 << 20 };
    HttpReply reply = { 0 };

    assert_int_equal(http_new(&options, &http, err), 0);
    int rc = http_call(http, "GET", "/api/v1/nodes", NULL, &reply, err);
    http_reply_done(&reply);
    http_free(http);
    return rc;
}

static void refused_connection_names_the_address(void **state)
{
    Err err = { 0 };

    (void)state;
    assert_int_equal(call("http://127.0.0.1:1/", &err), -1);
    assert_string_equal(err.message, "request failed: Get \"http://127.0.0.1:1/api/v1/nodes\": "
                                     "dial tcp 127.0.0.1:1: connect: connection refused");
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
}

static void unusable_url_is_the_callers_fault(void **state)
{
    Err err = { 0 };

    (void)state;
    assert_int_equal(call("gopher://x", &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_int_equal(strncmp(err.message, "build request: ", 15), 0);
}

typedef struct Answer {
    int fd;
    const char *text; /* NULL: hang up without a word */
    char request[4096];
} Answer;

static void *serve_one(void *arg)
{
    Answer *answer = arg;
    int fd = accept(answer->fd, NULL, NULL);
    ssize_t n = recv(fd, answer->request, sizeof(answer->request) - 1, 0);

    if (n >= 0)
        answer->request[n] = '\0';
    if (answer->text != NULL)
        send(fd, answer->text, strlen(answer->text), MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

/* One POST of {"a":1} to a peer that answers `text`; with an etag, a GET of what may be known. */
static int ask(const char *text, const char *etag, size_t max_body, HttpReply *reply,
               Answer *answer, Err *err)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    pthread_t thread;
    char base[64];
    Http *http = NULL;

    *answer = (Answer){ .fd = socket(AF_INET, SOCK_STREAM, 0), .text = text };
    assert_int_equal(bind(answer->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(answer->fd, 4), 0);
    getsockname(answer->fd, (struct sockaddr *)&addr, &len);
    snprintf(base, sizeof(base), "http://127.0.0.1:%u", ntohs(addr.sin_port));
    pthread_create(&thread, NULL, serve_one, answer);
    HttpOptions options = { .base = base, .timeout_ms = 2000, .max_body = max_body };
    assert_int_equal(http_new(&options, &http, err), 0);
    int rc = etag != NULL ? http_get_if_changed(http, "/x", etag, reply, err)
                          : http_call(http, "POST", "/x", "{\"a\":1}", reply, err);
    pthread_join(thread, NULL);
    http_free(http);
    close(answer->fd);
    return rc;
}

static int post_to(const char *text, size_t max_body, HttpReply *reply, Answer *answer, Err *err)
{
    return ask(text, NULL, max_body, reply, answer, err);
}

static void answer_is_read_whole(void **state)
{
    Answer answer;
    HttpReply reply = { 0 };
    Err err = { 0 };

    (void)state;
    assert_int_equal(
        post_to("HTTP/1.1 409 Very Odd\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello",
                1024, &reply, &answer, &err),
        0);
    assert_int_equal(reply.status, 409);
    assert_string_equal(reply.reason, "Very Odd");
    assert_string_equal(reply.content_type, "text/x");
    assert_string_equal(reply.body, "hello");
    assert_non_null(strstr(answer.request, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(answer.request, "\r\n\r\n{\"a\":1}"));
    http_reply_done(&reply);
}

static void what_is_known_is_not_asked_for_again(void **state)
{
    static const struct {
        const char *answer;
        const char *etag;
        int status;
        int retry_after;
    } cases[] = {
        { "HTTP/1.1 304 Not Modified\r\netag:  \"b\" \r\n\r\n", "\"b\"", 304, 0 },
        { "HTTP/1.1 200 OK\r\nETag: W/\"c\"\r\nContent-Length: 0\r\n\r\n", "W/\"c\"", 200, 0 },
        { "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", "", 503, 7 },
        { "HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"
          "Content-Length: 0\r\n\r\n",
          "", 503, 0 },
        { "HTTP/1.1 503 Busy\r\nRetry-After: -1\r\nContent-Length: 0\r\n\r\n", "", 503, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Answer answer;
        HttpReply reply = { 0 };
        Err err = { 0 };
        assert_int_equal(ask(cases[i].answer, "\"a\"", 1024, &reply, &answer, &err), 0);
        assert_non_null(strstr(answer.request, "GET /x "));
        assert_non_null(strstr(answer.request, "\r\nIf-None-Match: \"a\"\r\n"));
        assert_int_equal(reply.status, cases[i].status);
        assert_string_equal(reply.etag, cases[i].etag);
        assert_int_equal(reply.retry_after, cases[i].retry_after);
        http_reply_done(&reply);
        assert_int_equal(ask(cases[i].answer, "", 1024, &reply, &answer, &err), 0);
        assert_null(strstr(answer.request, "If-None-Match"));
        http_reply_done(&reply);
    }
}

static void answer_past_the_limit_is_refused(void **state)
{
    Answer answer;
    HttpReply reply = { 0 };
    Err err = { 0 };

    (void)state;
    assert_int_equal(
        post_to("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 4, &reply, &answer, &err), -1);
    assert_non_null(strstr(err.message, "longer than 4 bytes"));
}

static void hang_up_is_unavailable(void **state)
{
    Answer answer;
    HttpReply reply = { 0 };
    Err err = { 0 };

    (void)state;
    assert_int_equal(post_to(NULL, 1024, &reply, &answer, &err), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "EOF"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problem_reads_as_contract_says),
        cmocka_unit_test(escape_leaves_only_unreserved),
        cmocka_unit_test(refused_connection_names_the_address),
        cmocka_unit_test(unusable_url_is_the_callers_fault),
        cmocka_unit_test(answer_is_read_whole),
        cmocka_unit_test(what_is_known_is_not_asked_for_again),
        cmocka_unit_test(answer_past_the_limit_is_refused),
        cmocka_unit_test(hang_up_is_unavailable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
