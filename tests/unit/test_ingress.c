/* The ingress without I/O: heads taken apart and written anew, bodies, routes, pages. */
#include "ingress_body.h"
#include "ingress_head.h"
#include "ingress_page.h"
#include "ingress_routes.h"
#include "ingress_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(literal) ((Text){ (literal), sizeof(literal) - 1 })

/* ---- heads
 * --------------------------------------------------------------------------------------------- */

static int parse(const char *text, RequestHead *head)
{
    return request_head_parse(text, strlen(text), 0, head);
}

static void heads_are_refused_for_what_is_ambiguous(void **state)
{
    static const struct {
        const char *members;
        int verdict; /* 0: taken */
    } rows[] = {
        { "Host: a\r\n", 0 },
        { "", -400 },
        { "Host: a\r\nHost: a\r\n", -400 },
        { "Host: \r\n", -400 },
        { "Host: a/b\r\n", -400 },
        { "Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n", 0 },
        { "Host: a\r\nContent-Length: 5\r\nContent-Length: 05\r\n", 0 },
        { "Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n", -400 },
        { "Host: a\r\nContent-Length: 5,5\r\n", -400 },
        { "Host: a\r\nContent-Length:\r\n", -400 },
        { "Host: a\r\nContent-Length: 99999999999999999999\r\n", -400 },
        { "Host: a\r\nTransfer-Encoding: chunked\r\n", 0 },
        { "Host: a\r\nTransfer-Encoding: Chunked\r\n", 0 },
        { "Host: a\r\nTransfer-Encoding: chunked \r\n", 0 },
        { "Host: a\r\nTransfer-Encoding: chunked, chunked\r\n", -501 },
        { "Host: a\r\nTransfer-Encoding: \x0b"
          "chunked\r\n",
          -400 },
        { "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", -400 },
        { "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: identity\r\n", -400 },
        { "Host: a\r\nX: b\r\n c\r\n", -400 },
        { "Host: a\r\nX : b\r\n", -400 },
        { "Host: a\r\nConnection: x, y\r\nConnection: z\r\n", -400 },
        { "Host: a\r\nConnection: keep-alive\r\nConnection: close\r\n", 0 },
    };
    RequestHead head;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(mem_freep) char *text = mem_printf("POST / HTTP/1.1\r\n%s\r\n", rows[i].members);
        int got = parse(text, &head);
        if ((rows[i].verdict == 0 && got != (int)strlen(text)) ||
            (rows[i].verdict != 0 && got != rows[i].verdict))
            fail_msg("%d instead of %d for %s", got, rows[i].verdict, text);
    }
    assert_int_equal(parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", &head), -400);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\n", &head), 0);
    assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &head), 31);
    assert_int_equal(parse("GET * HTTP/1.1\r\nHost: a\r\n\r\n", &head), -400);
}

static void hosts_are_made_comparable(void **state)
{
    static const struct {
        const char *sent, *host; /* NULL: refused */
    } rows[] = {
        { "Example.COM", "example.com" },
        { "example.com.", "example.com" },
        { "example.com.:80", "example.com" },
        { "example.com:", "example.com" },
        { "[::1]", "[::1]" },
        { "[2001:DB8::1]:8081", "[2001:db8::1]" },
        { "[::1", NULL },
        { "[::1]x", NULL },
        { "[zz]", NULL },
        { "a:b", NULL },
        { "a:123456", NULL },
        { "a:1:2", NULL },
        { "a b", NULL },
        { "a\"b", NULL },
        { "<a>", NULL },
        { "", NULL },
        { ":80", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char host[HOST_MAX];
        bool taken = host_normalize((Text){ rows[i].sent, strlen(rows[i].sent) }, host);
        if (taken != (rows[i].host != NULL) || (taken && strcmp(host, rows[i].host) != 0))
            fail_msg("%s gave %s", rows[i].sent, taken ? host : "nothing");
    }
}

static void what_goes_to_a_backend_says_who_and_nothing_of_the_connection(void **state)
{
    static const char sent[] =
        "POST http://Shop.example:80/a?b HTTP/1.1\r\nhost: other\r\n"
        "Connection: keep-alive, X-Gone, Upgrade\r\nX-Gone: 1\r\nX-Kept: 2\r\n"
        "X-Forwarded-For: liar\r\nx_forwarded_for: liar\r\nForwarded: liar\r\n"
        "Content_Length: 3\r\nContent-Length: 3\r\nUpgrade: echo\r\n"
        "Accept: text/html\r\nCara-Hop: k\r\n\r\nabc";
    _cleanup_(buf_done) Buf out = { .max = 4096 };
    RequestHead head;

    (void)state;
    assert_int_equal(parse(sent, &head), (int)sizeof(sent) - 4);
    assert_true(head.keep_alive && head.wants_html && !head.is_safe_to_repeat);
    assert_string_equal(head.host, "shop.example");
    request_head_write(&head,
                       &(Forwarding){ .client = TEXT("10.0.0.1"),
                                      .host = head.authority,
                                      .proto = TEXT("http"),
                                      .hop_key = "key" },
                       &out);
    assert_string_equal(out.data, "POST /a?b HTTP/1.1\r\nhost: Shop.example:80\r\nX-Kept: 2\r\n"
                                  "Accept: text/html\r\ncontent-length: 3\r\n"
                                  "connection: upgrade\r\nupgrade: echo\r\n"
                                  "x-forwarded-for: 10.0.0.1\r\n"
                                  "x-forwarded-host: Shop.example:80\r\n"
                                  "x-forwarded-proto: http\r\ncara-hop: key\r\n\r\n");
}

static void an_answer_is_framed_by_us(void **state)
{
    static const char came[] =
        "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n"
        "Content-Length: 7\r\nConnection: close\r\nCara-Hop: unknown-host\r\n"
        "X-Forwarded-For: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n";
    _cleanup_(buf_done) Buf out = { .max = 4096 };
    ResponseHead head;

    (void)state;
    assert_int_equal(response_head_parse(came, sizeof(came) - 1, 0, false, &head),
                     (int)sizeof(came) - 1);
    assert_true(head.body == BODY_CHUNKED && !head.keep_alive);
    response_head_write(&head, &(ResponseStyle){ .minor = 0, .body = BODY_UNTIL_CLOSE }, &out);
    assert_string_equal(out.data, "HTTP/1.1 200 Fine\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
                                  "connection: close\r\n\r\n");
}

static void an_answer_that_has_no_body_keeps_the_length_it_tells_of(void **state)
{
    static const char came[] = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
    _cleanup_(buf_done) Buf out = { .max = 4096 };
    ResponseHead head;

    (void)state;
    assert_int_equal(response_head_parse(came, sizeof(came) - 1, 0, true, &head),
                     (int)sizeof(came) - 1);
    assert_int_equal(head.body, BODY_NONE);
    response_head_write(
        &head, &(ResponseStyle){ .minor = 1, .keep_alive = true, .body = BODY_NONE }, &out);
    assert_string_equal(out.data, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
}

static void answers_that_contradict_themselves_are_refused(void **state)
{
    static const char *const rows[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
    };
    ResponseHead head;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(response_head_parse(rows[i], strlen(rows[i]), 0, false, &head), -502);
}

/* ---- bodies
 * -------------------------------------------------------------------------------------------- */

/* Feeds `input` in pieces of `step` bytes; what comes out of the framing, and what is left. */
static int feed(BodyKind kind, uint64_t length, const char *input, size_t step, char *out,
                char *rest)
{
    Body body;
    size_t total = strlen(input);

    body_begin(&body, kind, length);
    out[0] = rest[0] = '\0';
    for (size_t i = 0; i < total; i += step) {
        char piece[64];
        size_t len = total - i < step ? total - i : step;
        size_t at, extra;
        memcpy(piece, input + i, len);
        if (body_take(&body, piece, &len, &at, &extra) < 0)
            return -1;
        strncat(out, piece, len);
        strncat(rest, piece + at, extra);
    }
    return body.done;
}

static void bodies_end_where_they_say_however_they_are_cut(void **state)
{
    char out[64], rest[64];

    (void)state;
    for (size_t step = 1; step < 40; step++) {
        assert_int_equal(feed(BODY_LENGTH, 5, "helloGET /", step, out, rest), 1);
        assert_string_equal(out, "hello");
        assert_string_equal(rest, "GET /");
        assert_int_equal(feed(BODY_CHUNKED, 0, "3\r\nhel\r\n2;x\r\nlo\r\n0\r\nT: 1\r\n\r\nGET /",
                              step, out, rest),
                         1);
        assert_string_equal(out, "hello");
        assert_string_equal(rest, "GET /");
        assert_int_equal(feed(BODY_UNTIL_CLOSE, 0, "hello", step, out, rest), 0);
        assert_string_equal(out, "hello");
        assert_int_equal(feed(BODY_NONE, 0, "GET /", step, out, rest), 1);
        assert_string_equal(rest, "GET /");
        assert_int_equal(feed(BODY_CHUNKED, 0, "x\r\n", step, out, rest), -1);
        assert_int_equal(feed(BODY_CHUNKED, 0, "2\r\nabc\r\n", step, out, rest), -1);
        assert_int_equal(feed(BODY_CHUNKED, 0, "00000000000000001\r\n", step, out, rest), -1);
    }
}

static void chunks_are_written_anew(void **state)
{
    struct iovec pieces[BODY_PIECES];
    ChunkFrame frame;
    char out[64] = "";

    (void)state;
    size_t n = body_frame(BODY_CHUNKED, "hello world, hello", 18, true, &frame, pieces);
    for (size_t i = 0; i < n; i++)
        strncat(out, pieces[i].iov_base, pieces[i].iov_len);
    assert_string_equal(out, "12\r\nhello world, hello\r\n0\r\n\r\n");
    assert_int_equal(body_frame(BODY_CHUNKED, NULL, 0, false, &frame, pieces), 0);
    assert_int_equal(body_frame(BODY_LENGTH, "x", 1, true, &frame, pieces), 1);
}

/* ---- routes
 * -------------------------------------------------------------------------------------------- */

static IngressRoute route(const char *host, const char *path, const char *project)
{
    IngressRoute made = { .host = (char *)(uintptr_t)host,
                          .path = (char *)(uintptr_t)path,
                          .project = (char *)(uintptr_t)project,
                          .service = (char *)(uintptr_t) "s",
                          .ready = true };

    assert_true(address_parse("10.0.0.2", 80, &made.address));
    return made;
}

static void the_table_finds_the_exact_host_and_the_longest_path(void **state)
{
    const IngressRoute routes[] = {
        route("a.com", "/", "root"),    route("a.com", "/x", "x"),
        route("a.com", "/x/y", "xy"),   route("a.com", "/slash/", "slash"),
        route("*.a.com", "/", "star"),  route("b.a.com", "/", "exact"),
        route("only.com", "/p", "only")
    };
    const IngressRoute *all[ARRAY_LEN(routes)];
    static const struct {
        const char *host, *target, *project; /* NULL: none */
        bool known;
    } rows[] = {
        { "a.com", "/", "root", true },         { "a.com", "/x", "x", true },
        { "a.com", "/x?q", "x", true },         { "a.com", "/x/", "x", true },
        { "a.com", "/xx", "root", true },       { "a.com", "/x/y/z", "xy", true },
        { "a.com", "/x/yz", "x", true },        { "a.com", "/slash", "root", true },
        { "a.com", "/slash/1", "slash", true }, { "a.com", "*", "root", true },
        { "c.a.com", "/", "star", true },       { "b.a.com", "/", "exact", true },
        { "d.c.a.com", "/", NULL, false },      { "com", "/", NULL, false },
        { "only.com", "/", NULL, true },        { "only.com", "/p/q", "only", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        all[i] = &routes[i];
    IngressTable *table = ingress_table_new(all, ARRAY_LEN(routes));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        IngressMatch match = ingress_table_find(table, rows[i].host,
                                                (Text){ rows[i].target, strlen(rows[i].target) });
        const char *project = match.route != NULL ? match.route->project : NULL;
        if (match.host_known != rows[i].known || (project == NULL) != (rows[i].project == NULL) ||
            (project != NULL && strcmp(project, rows[i].project) != 0))
            fail_msg("%s%s: %s", rows[i].host, rows[i].target, project);
    }
    Address address;
    assert_true(address_parse("10.0.0.2", 80, &address));
    assert_true(ingress_table_leads_to(table, &address));
    assert_true(address_parse("10.0.0.2", 81, &address));
    assert_false(ingress_table_leads_to(table, &address));
    ingress_table_free(table);
}

static char *word(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void only_what_runs_well_and_stays_is_a_way(void **state)
{
    DesiredIngress entry = {
        .host = word("h"), .path = word("/"), .service = word("web"), .port = 80
    };
    Desired desired = {
        .project = word("p"), .uid = word("u"), .ingress = &entry, .ingress_count = 1
    };
    Container containers[2] = {
        { .service = word("web"),
          .uid = word("u"),
          .ip = word("10.0.0.1"),
          .state = CONTAINER_RUNNING },
        { .service = word("web"),
          .uid = word("u"),
          .ip = word("10.0.0.2"),
          .state = CONTAINER_RUNNING },
    };
    Observed observed = { .containers = containers, .container_count = 2 };
    DesiredService service = { .name = word("web") };
    Outcome outcome = { .service = &service, .shown = &containers[1] };
    Step stop = { .kind = STEP_REMOVE_CONTAINER, .container = &containers[1] };
    Plan plan = { .outcomes = &outcome, .outcome_count = 1 };
    char text[ADDRESS_TEXT_MAX];
    size_t count;

    (void)state;
#define WAY_IS(expected)                                                                           \
    do {                                                                                           \
        _cleanup_(mem_freep) IngressRoute *made =                                                  \
            ingress_routes_make(&desired, &observed, &plan, &count);                               \
        assert_int_equal(count, 1);                                                                \
        text[0] = '\0';                                                                            \
        if (made->ready)                                                                           \
            address_text(&made->address, text);                                                    \
        assert_string_equal(text, expected);                                                       \
    } while (0)
    WAY_IS("10.0.0.2:80"); /* the one the plan stands by */
    plan.steps = &stop;
    plan.step_count = 1;
    WAY_IS("10.0.0.1:80"); /* unless it is about to go */
    containers[0].health = HEALTH_STARTING;
    WAY_IS("");
    containers[0].health = HEALTH_HEALTHY;
    WAY_IS("10.0.0.1:80");
    containers[0].state = CONTAINER_PAUSED;
    WAY_IS("");
    containers[0].state = CONTAINER_RUNNING;
    containers[0].uid = word("of another project that had the name");
    WAY_IS("");
    desired.removed = true;
    _cleanup_(mem_freep) IngressRoute *none =
        ingress_routes_make(&desired, &observed, &plan, &count);
    assert_int_equal(count, 0);
}

/* ---- pages
 * --------------------------------------------------------------------------------------------- */

static void pages_escape_what_clients_sent(void **state)
{
    _cleanup_(buf_done) Buf out = { .max = 8192 };
    Page page = { .status = 502,
                  .detail = "Host \"<i>&'\" has no backend available.",
                  .html = true };

    (void)state;
    page_write(&page, &out);
    assert_non_null(strstr(out.data, "Host &#34;&lt;i&gt;&amp;&#39;&#34; has no backend"));
    assert_non_null(strstr(out.data, "content-type: text/html; charset=utf-8\r\n"));
    assert_non_null(strstr(out.data, "connection: close\r\n"));
    buf_reset(&out);
    page = (Page){ .status = 404, .detail = "Gone.", .keep_alive = true };
    page_write(&page, &out);
    assert_non_null(strstr(out.data, "\r\n\r\n404 Not Found: Gone.\n"));
    assert_null(strstr(out.data, "connection:"));
    buf_reset(&out);
    page.is_head = true;
    page_write(&page, &out);
    assert_null(strstr(out.data, "Gone."));
    assert_non_null(strstr(out.data, "content-length: 21\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_refused_for_what_is_ambiguous),
        cmocka_unit_test(hosts_are_made_comparable),
        cmocka_unit_test(what_goes_to_a_backend_says_who_and_nothing_of_the_connection),
        cmocka_unit_test(an_answer_is_framed_by_us),
        cmocka_unit_test(an_answer_that_has_no_body_keeps_the_length_it_tells_of),
        cmocka_unit_test(answers_that_contradict_themselves_are_refused),
        cmocka_unit_test(bodies_end_where_they_say_however_they_are_cut),
        cmocka_unit_test(chunks_are_written_anew),
        cmocka_unit_test(the_table_finds_the_exact_host_and_the_longest_path),
        cmocka_unit_test(only_what_runs_well_and_stays_is_a_way),
        cmocka_unit_test(pages_escape_what_clients_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
