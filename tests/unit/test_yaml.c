/* Manifests as people write them, and what they must not be able to do. */
#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Reads `text` and writes all documents as one compact JSON array. */
static char *to_json(const char *text, size_t len)
{
    json_t *documents = NULL;
    Err err = { 0 };

    if (yaml_parse(text, len, &documents, &err) < 0)
        fail_msg("%s\n---\n%.*s", err.message, (int)len, text);
    char *out = json_dumps(documents, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
    json_decref(documents);
    return out;
}

static void assert_json(const char *text, const char *expected)
{
    _cleanup_(mem_freep) char *got = to_json(text, strlen(text));

    assert_string_equal(got, expected);
}

static void assert_refused(const char *text, const char *expected)
{
    json_t *documents = NULL;
    Err err = { 0 };

    if (yaml_parse(text, strlen(text), &documents, &err) == 0) {
        char *got = json_dumps(documents, JSON_COMPACT);
        fail_msg("accepted %s as %s", text, got);
    }
    assert_null(documents);
    if (strstr(err.message, expected) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", err.message, expected);
}

static void plain_scalars_get_their_types(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        { "null", "null" },
        { "~", "null" },
        { "NULL", "null" },
        { "true", "true" },
        { "False", "false" },
        { "yes", "\"yes\"" },
        { "on", "\"on\"" },
        { "N", "\"N\"" },
        { "12", "12" },
        { "-12", "-12" },
        { "+12", "12" },
        { "0", "0" },
        { "0777", "511" },
        { "0o17", "15" },
        { "0x1F", "31" },
        { "-0x1f", "-31" },
        { "0b101", "5" },
        { "08", "8" },
        { "1_000", "1000" },
        { "_1", "\"_1\"" },
        { "0x", "\"0x\"" },
        { "0x0x1", "\"0x0x1\"" },
        { "0b0b1", "\"0b0b1\"" },
        { "0b2", "\"0b2\"" },
        { "9223372036854775807", "9223372036854775807" },
        { "-9223372036854775808", "-9223372036854775808" },
        { "1.5", "1.5" },
        { ".5", "0.5" },
        { "80.0", "80" },
        { "1e3", "1000" },
        { "1.e3", "1000" },
        { "1e", "\"1e\"" },
        { ".", "\".\"" },
        { "+", "\"+\"" },
        { "1.2.3", "\"1.2.3\"" },
        { "10.0.0.5", "\"10.0.0.5\"" },
        { "500m", "\"500m\"" },
        { "nginx:alpine", "\"nginx:alpine\"" },
        { "12:30:45", "\"12:30:45\"" },
        { "2030-01-01", "\"2030-01-01T00:00:00Z\"" },
        { "2030-1-2", "\"2030-01-02T00:00:00Z\"" },
        { "2030-02-30", "\"2030-02-30\"" },
        { "2028-02-29", "\"2028-02-29T00:00:00Z\"" },
        { "2030-01-01T01:02:03Z", "\"2030-01-01T01:02:03Z\"" },
        { "2030-01-01t01:02:03.500Z", "\"2030-01-01T01:02:03.5Z\"" },
        { "2030-01-01T01:02:03.000+08:00", "\"2030-01-01T01:02:03+08:00\"" },
        { "2030-01-01T01:02:03+00:00", "\"2030-01-01T01:02:03Z\"" },
        { "2030-01-01 1:02:03.25", "\"2030-01-01T01:02:03.25Z\"" },
        { "2030-01-01T01:02:03", "\"2030-01-01T01:02:03\"" },
        { "2030-01-01T25:02:03Z", "\"2030-01-01T25:02:03Z\"" },
        { "'12'", "\"12\"" },
        { "\"true\"", "\"true\"" },
        { "!!str 12", "\"12\"" },
        { "! 12", "\"12\"" },
        { "!!float 3", "3" },
        { "!!int 3", "3" },
        { "\"a\\0b\"", "\"a\\u0000b\"" },
        { "caf\xc3\xa9", "\"caf\\u00E9\"" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(mem_freep) char *yaml = mem_printf("v: %s\n", cases[i].yaml);
        _cleanup_(mem_freep) char *json = mem_printf("[{\"v\":%s}]", cases[i].json);
        assert_json(yaml, json);
    }
}

static void documents_are_split_and_empty_ones_left_out(void **state)
{
    (void)state;
    assert_json("", "[]");
    assert_json("# nothing\n", "[]");
    assert_json("---\n---\n...\n", "[]");
    assert_json("a: 1\n---\nb: 2\n---\n# none\n---\nc: 3\n", "[{\"a\":1},{\"b\":2},{\"c\":3}]");
    assert_json("\xef\xbb\xbf"
                "a: 1\n",
                "[{\"a\":1}]");
    assert_json("a: 1\r\nb:\r\n  - x\r\n", "[{\"a\":1,\"b\":[\"x\"]}]");
}

static void json_is_read_as_json(void **state)
{
    (void)state;
    assert_json("{\n\t\"a\": [1, 2.5, \"\\ud83d\\ude00\", \"2030-01-01\"],\n\t\"b\": {}\n}\n",
                "[{\"a\":[1,2.5,\"\\uD83D\\uDE00\",\"2030-01-01\"],\"b\":{}}]");
    assert_refused("{\"a\": 1, \"a\": 2}", "line 1, column 10: key \"a\" is there twice");
}

static void anchors_and_merges_are_resolved(void **state)
{
    (void)state;
    assert_json("a: &x [1, 2]\nb: *x\n", "[{\"a\":[1,2],\"b\":[1,2]}]");
    assert_json("a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3\n",
                "[{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":3,\"l\":2}}]");
    assert_json("a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y]}\n",
                "[{\"a\":{\"k\":1},\"b\":{\"k\":2,\"m\":3},\"c\":{\"k\":1,\"m\":3}}]");
    assert_json("a: &x one\n*x : two\n", "[{\"a\":\"one\",\"one\":\"two\"}]");
    assert_json("\"<<\": 1\n", "[{\"<<\":1}]");
    assert_refused("a: *nope\n", "line 1, column 4: alias \"*nope\" has no anchor before it");
    assert_refused("a: &x 1\n---\nb: *x\n", "line 3, column 4: alias \"*x\"");
    assert_refused("a: &x\n  b: *x\n", "line 2, column 6: anchor \"x\" contains itself");
    assert_refused("a: {<<: 1}\n", "line 1, column 5: \"<<\" merges a map");
    assert_refused("a: {<<: {}, <<: {}}\n", "key \"<<\" is there twice");
}

static void what_json_cannot_say_is_refused(void **state)
{
    (void)state;
    assert_refused("a: 1\nb: 2\na: 3\n", "line 3, column 1: key \"a\" is there twice");
    assert_refused("a:\n\tb: 1\n", "line 2, column 1: a tab cannot indent YAML");
    assert_refused("\xc3\xa9: 1\n\xc3\xa9\xc3\xa9:\n  b: 1\n\tc: 2\n", "line 4, column 1: a tab");
    assert_refused("1: x\n", "line 1, column 1: keys must be strings: quote it, as \"1\"");
    assert_refused("true: x\n", "keys must be strings");
    assert_refused("2030-01-01: x\n", "keys must be strings");
    assert_refused("[1]: x\n", "keys must be strings");
    assert_refused("\"a\\0\": x\n", "NUL");
    assert_refused("a: .inf\n", "line 1, column 4: .inf is not a number that JSON can hold");
    assert_refused("a: -.INF\n", "column 4");
    assert_refused("a: .nan\n", "column 4");
    assert_refused("a: 1e999\n", "column 4");
    assert_refused("a: !!int x\n", "line 1, column 4: \"x\" is not of type !!int");
    assert_refused("a: !mine x\n", "tag \"!mine\"");
    assert_refused("a: !mine {}\n", "tags on maps");
    assert_refused("a: [1\nb: 2\n", "line 2");
    assert_refused("a: b: c\n", "line 1, column 5");
    assert_refused("a: \"\xff\"\n", "byte 4");
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    Buf buf;

    for (int extra = 0; extra <= 1; extra++) {
        for (int flow = 0; flow <= 1; flow++) {
            buf_init(&buf, 1 << 20);
            for (int i = 0; i < YAML_MAX_DEPTH + extra; i++)
                buf_add_str(&buf, flow ? "[" : "- ");
            for (int i = 0; i < YAML_MAX_DEPTH + extra && flow; i++)
                buf_add_str(&buf, "]");
            if (extra)
                assert_refused(buf_str(&buf), "nested more than 100 levels");
            else
                free(to_json(buf_str(&buf), buf.len));
            buf_done(&buf);
        }
    }
    buf_init(&buf, 1 << 20);
    for (int i = 0; i < 100000; i++)
        buf_add_str(&buf, "[");
    assert_refused(buf_str(&buf), "nested more than 100 levels");
    buf_done(&buf);
}

/* Nine levels of ten aliases each would be a billion values. */
static void alias_bombs_are_refused(void **state)
{
    (void)state;
    Buf buf;

    buf_init(&buf, 1 << 20);
    buf_add_str(&buf, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++) {
        buf_printf(&buf, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_printf(&buf, "%s*a%d", k > 0 ? "," : "", i - 1);
        buf_add_str(&buf, "]\n");
    }
    assert_refused(buf_str(&buf), "aliases expand to more than 200000 values");
    buf_done(&buf);

    buf_init(&buf, 1 << 20);
    buf_add_str(&buf, "a: &a ");
    for (int i = 0; i < 100000; i++)
        buf_add_str(&buf, "x");
    buf_add_str(&buf, "\nb: [");
    for (int i = 0; i < 1000; i++)
        buf_printf(&buf, "%s*a", i > 0 ? "," : "");
    buf_add_str(&buf, "]\n");
    assert_refused(buf_str(&buf), "16 MiB");
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_get_their_types),
        cmocka_unit_test(documents_are_split_and_empty_ones_left_out),
        cmocka_unit_test(json_is_read_as_json),
        cmocka_unit_test(anchors_and_merges_are_resolved),
        cmocka_unit_test(what_json_cannot_say_is_refused),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(alias_bombs_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
