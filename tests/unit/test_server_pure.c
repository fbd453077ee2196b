/* The parts of cara-server that touch nothing: text, query strings, routes, request heads,
 * problems. */
#include "cara/text.h"
#include "clock.h"
#include "problem.h"
#include "query.h"
#include "request.h"
#include "routes.h"

#include "cara/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define STR(s) (s), strlen(s)

static void test_only_utf8_without_nul_is_storable(void **state)
{
    static const char *const good[] = {
        "", "abc", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x90\xAA", "\xEF\xBF\xBD"
    };
    static const char *const bad[] = { "\x80",         "\xC3",
                                       "\xC0\xAF",     "\xE0\x80\xAF",
                                       "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                       "a\xFF",        "\xF0\x80\x80\xAF" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(text_is_storable(STR(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(text_is_storable(STR(bad[i])));
    assert_false(text_is_storable("a\0b", 3));
}

static void test_json_strings_are_escaped_as_the_wire_has_it(void **state)
{
    static const char in[] = "a<b>&\"\\\b\f\n\r\t\x01\x7F\xC3\xA4\xE2\x80\xA8\xE2\x80\xA9\xFF.";
    static const char expected[] =
        "\"a\\u003cb\\u003e\\u0026\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7F\xC3\xA4"
        "\\u2028\\u2029\xEF\xBF\xBD.\"";
    Buf out;

    (void)state;
    buf_init(&out, 1024);
    text_add_json(&out, STR(in));
    assert_string_equal(buf_str(&out), expected);
    buf_done(&out);
}

static void test_percent_decoding(void **state)
{
    static const struct {
        const char *in;
        bool plus;
        const char *out; /* NULL: refused */
    } cases[] = {
        { "plain", false, "plain" }, { "a%2Fb%2fc", false, "a/b/c" }, { "a+b", false, "a+b" },
        { "a+b", true, "a b" },      { "%C3%A4", false, "\xC3\xA4" }, { "%", false, NULL },
        { "%4", false, NULL },       { "%zz", false, NULL },          { "%00", false, NULL },
        { "%ff", false, NULL },      { "a%41", false, "aA" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        ssize_t n = text_percent_decode(STR(cases[i].in), cases[i].plus, out);
        if (cases[i].out == NULL) {
            assert_int_equal(n, -1);
        } else {
            assert_string_equal(out, cases[i].out);
            assert_int_equal(n, strlen(cases[i].out));
        }
    }
}

static void test_query_becomes_json(void **state)
{
    static const struct {
        const char *in, *out; /* out NULL: refused */
    } cases[] = {
        { "", "{}" },
        { "phase=A&phase=B&nodeRef=x", "{\"phase\":[\"A\",\"B\"],\"nodeRef\":[\"x\"]}" },
        { "a=1&b=2&a=3", "{\"a\":[\"1\",\"3\"],\"b\":[\"2\"]}" },
        { "force", "{\"force\":[\"\"]}" },
        { "phase=", "{\"phase\":[\"\"]}" },
        { "&&a=1&", "{\"a\":[\"1\"]}" },
        { "a=b=c", "{\"a\":[\"b=c\"]}" },
        { "a+b=%22%3C+x", "{\"a b\":[\"\\\"\\u003c x\"]}" },
        { "=x", "{\"\":[\"x\"]}" },
        { "a=%", NULL },
        { "a=%00", NULL },
        { "%ff=1", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Buf out;
        Err err = { 0 };
        buf_init(&out, 4096);
        int result = query_to_json(STR(cases[i].in), &out, &err);
        assert_int_equal(result, cases[i].out != NULL ? 0 : -1);
        if (cases[i].out != NULL)
            assert_string_equal(buf_str(&out), cases[i].out);
        buf_done(&out);
    }
}

static void test_query_has_a_limit(void **state)
{
    _cleanup_(buf_done) Buf query = { .max = 4096 };
    Buf out;
    Err err = { 0 };

    (void)state;
    for (int i = 0; i < QUERY_MAX_PAIRS; i++)
        buf_add_str(&query, "a=1&");
    buf_init(&out, 4096);
    assert_int_equal(query_to_json(query.data, query.len, &out, &err), 0);
    buf_add_str(&query, "b=1");
    assert_int_equal(query_to_json(query.data, query.len, &out, &err), -1);
    assert_string_equal(err.message, "invalid query string: more than 64 parameters");
    buf_done(&out);
}

static void test_routes_are_found(void **state)
{
    static const struct {
        const char *method, *path, *function, *segment;
        bool known;
    } cases[] = {
        { "GET", "/api/v1/nodes", "api.node_list", NULL, true },
        { "HEAD", "/api/v1/nodes/n1", "api.node_get", "n1", true },
        { "POST", "/api/v1/nodes/n%2F1/heartbeat", "api.node_heartbeat", "n%2F1", true },
        { "DELETE", "/api/v1/projects/p", "api.project_delete", "p", true },
        { "PATCH", "/api/v1/projects/p/status", "api.project_report", "p", true },
        { "PATCH", "/api/v1/projects/p", NULL, NULL, true },
        { "get", "/api/v1/nodes", NULL, NULL, true },
        { "GET", "/api/v1/nodes/", NULL, NULL, false },
        { "GET", "/api/v1/nodes/a/b", NULL, NULL, false },
        { "GET", "/api/v1/node", NULL, NULL, false },
        { "GET", "/", NULL, NULL, false },
        { "POST", "/api/v1/nodes//heartbeat", NULL, NULL, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        RouteMatch match = route_find(STR(cases[i].method), STR(cases[i].path));
        assert_int_equal(match.path_known, cases[i].known);
        if (cases[i].function == NULL) {
            assert_null(match.route);
            continue;
        }
        assert_string_equal(match.route->function, cases[i].function);
        if (cases[i].segment != NULL) {
            assert_int_equal(match.segment_len, strlen(cases[i].segment));
            assert_memory_equal(match.segment, cases[i].segment, match.segment_len);
        }
    }
}

static void test_allowed_methods_are_sorted(void **state)
{
    static const char *const cases[][2] = {
        { "/api/v1/nodes", "GET, HEAD, POST" },  { "/api/v1/projects/x", "DELETE, GET, HEAD, PUT" },
        { "/api/v1/nodes/x/heartbeat", "POST" }, { "/api/v1/projects/x/status", "PATCH" },
        { "/api/healthz", "GET, HEAD" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Buf out;
        buf_init(&out, 256);
        route_allowed(STR(cases[i][0]), &out);
        assert_string_equal(buf_str(&out), cases[i][1]);
        buf_done(&out);
    }
}

static void test_every_route_has_sql_and_takes_only_what_its_path_gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        bool has_segment = strchr(routes[i].pattern, '{') != NULL;
        bool wants_segment = routes[i].args[0] == ROUTE_ARG_PATH;
        assert_int_equal(has_segment, wants_segment);
    }
    Buf out;
    buf_init(&out, 256);
    route_sql(route_find(STR("PUT"), STR("/api/v1/nodes/x")).route, &out);
    assert_string_equal(buf_str(&out),
                        "SELECT api.node_update($1::text, $2::jsonb, $3::text, $4::text)");
    buf_done(&out);
}

static void test_paths_are_cleaned(void **state)
{
    static const char *const cases[][2] = {
        { "/", "/" },
        { "/a/b", "/a/b" },
        { "/a/", "/a/" },
        { "//", "/" },
        { "//a//b", "/a/b" },
        { "/a/./b", "/a/b" },
        { "/a/../b", "/b" },
        { "/..", "/" },
        { "/a/..", "/" },
        { "/a/.", "/a/" },
        { "/a//", "/a/" },
        { "/a/b/..", "/a/" },
        { "//evil.com/x", "/evil.com/x" },
        { "/.../x", "/.../x" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Buf out;
        buf_init(&out, 256);
        bool differs = route_clean_path(STR(cases[i][0]), &out);
        assert_string_equal(buf_str(&out), cases[i][1]);
        assert_int_equal(differs, strcmp(cases[i][0], cases[i][1]) != 0);
        buf_done(&out);
    }
}

static void test_request_targets(void **state)
{
    RequestTarget target;

    (void)state;
    assert_true(request_split_target(STR("/a?b=c?d"), &target));
    assert_int_equal(target.path_len, 2);
    assert_memory_equal(target.query, "b=c?d", target.query_len);
    assert_true(request_split_target(STR("http://host:1/a"), &target));
    assert_memory_equal(target.path, "/a", target.path_len);
    assert_int_equal(target.query_len, 0);
    assert_false(request_split_target(STR("*"), &target));
    assert_false(request_split_target(STR("http://host"), &target));
    assert_false(request_split_target("", 0, &target));
}

static void test_framing_told_twice_is_ambiguous(void **state)
{
    static const struct {
        const char *head;
        bool ambiguous;
    } cases[] = {
        { "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc", false },
        { "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\ncontent-length: 3\r\n", false },
        { "POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", true },
        { "POST / HTTP/1.1\ncontent-length: 3\ncontent-length: 4\n\nabcd", true },
        { "POST / HTTP/1.1\r\nx-content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(request_head_is_ambiguous(STR(cases[i].head)), cases[i].ambiguous);
}

static void test_sqlstates_become_statuses(void **state)
{
    static const struct {
        const char *sqlstate;
        int status;
        ProblemText text;
    } cases[] = {
        { "SR400", 400, PROBLEM_MESSAGE },     { "SR404", 404, PROBLEM_MESSAGE },
        { "SR409", 409, PROBLEM_MESSAGE },     { "SR410", 410, PROBLEM_MESSAGE },
        { "22P02", 400, PROBLEM_BODY },        { "22P05", 400, PROBLEM_BODY },
        { "22021", 400, PROBLEM_BODY },        { "54001", 400, PROBLEM_BODY },
        { "08006", 503, PROBLEM_UNAVAILABLE }, { "57P01", 503, PROBLEM_UNAVAILABLE },
        { "53300", 503, PROBLEM_UNAVAILABLE }, { "40001", 503, PROBLEM_UNAVAILABLE },
        { "23505", 500, PROBLEM_INTERNAL },    { "SR999", 500, PROBLEM_INTERNAL },
        { "", 500, PROBLEM_INTERNAL },         { "42501", 500, PROBLEM_INTERNAL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const ProblemRule *rule = problem_rule(cases[i].sqlstate);
        assert_int_equal(rule->status, cases[i].status);
        assert_int_equal(rule->text, cases[i].text);
    }
    assert_int_equal(problem_rule(NULL)->status, 500);
}

static void test_problem_documents(void **state)
{
    Buf out;

    (void)state;
    buf_init(&out, 4096);
    problem_write(&out, 400, "name \"<x>\" is invalid", "metadata.name");
    assert_string_equal(
        buf_str(&out),
        "{\"title\":\"Validation Problem\",\"status\":400,"
        "\"type\":\"https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/400\","
        "\"detail\":\"name \\\"\\u003cx\\u003e\\\" is invalid\",\"field\":\"metadata.name\"}");
    buf_reset(&out);
    problem_write(&out, 500, "Internal server error", NULL);
    assert_string_equal(buf_str(&out),
                        "{\"title\":\"Internal Server Error\",\"status\":500,"
                        "\"type\":\"https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/500\","
                        "\"detail\":\"Internal server error\"}");
    buf_done(&out);
}

static unsigned next_ms_of(const char *json)
{
    return clock_parse_answer(json).next_ms;
}

static void test_the_clock_reads_when_to_tick_next_and_what_failed(void **state)
{
    (void)state;
    assert_int_equal(next_ms_of("{\"nextInMs\": 250}"), 250);
    assert_int_equal(next_ms_of("{\"nextInMs\":0}"), 20);
    assert_int_equal(next_ms_of("{\"nextInMs\":-7}"), 20);
    assert_int_equal(next_ms_of("{\"nextInMs\":99999999999}"), 30000);
    assert_int_equal(next_ms_of("{}"), 30000);
    assert_int_equal(next_ms_of("nonsense"), 30000);
    assert_string_equal(clock_parse_answer("{\"nextInMs\":250}").failed, "");
    assert_string_equal(clock_parse_answer("{\"failed\":\"Placing\",\"nextInMs\":1}").failed,
                        "Placing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_utf8_without_nul_is_storable),
        cmocka_unit_test(test_json_strings_are_escaped_as_the_wire_has_it),
        cmocka_unit_test(test_percent_decoding),
        cmocka_unit_test(test_query_becomes_json),
        cmocka_unit_test(test_query_has_a_limit),
        cmocka_unit_test(test_routes_are_found),
        cmocka_unit_test(test_allowed_methods_are_sorted),
        cmocka_unit_test(test_every_route_has_sql_and_takes_only_what_its_path_gives),
        cmocka_unit_test(test_paths_are_cleaned),
        cmocka_unit_test(test_request_targets),
        cmocka_unit_test(test_framing_told_twice_is_ambiguous),
        cmocka_unit_test(test_sqlstates_become_statuses),
        cmocka_unit_test(test_problem_documents),
        cmocka_unit_test(test_the_clock_reads_when_to_tick_next_and_what_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
