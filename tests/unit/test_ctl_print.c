/* What caractrl writes: JSON, YAML, tables, and text that must not harm a terminal. */
#include "cara/mem.h"
#include "cara/yaml.h"
#include "print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
    json_error_t why;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);

    if (value == NULL)
        fail_msg("%s in %s", why.text, text);
    return value;
}

static void assert_prints(void (*print)(const json_t *, Buf *), const char *json,
                          const char *expected)
{
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *value = parse(json);

    print(value, &out);
    assert_string_equal(buf_str(&out), expected);
}

static void json_has_two_blanks_a_level_and_keeps_order(void **state)
{
    (void)state;
    assert_prints(print_json, "{\"b\":1,\"a\":[true,null,{}],\"c\":{\"x\":[]}}",
                  "{\n"
                  "  \"b\": 1,\n"
                  "  \"a\": [\n"
                  "    true,\n"
                  "    null,\n"
                  "    {}\n"
                  "  ],\n"
                  "  \"c\": {\n"
                  "    \"x\": []\n"
                  "  }\n"
                  "}\n");
    assert_prints(print_json, "[]", "[]\n");
}

static void json_escapes_what_html_and_javascript_would_trip_over(void **state)
{
    (void)state;
    assert_prints(print_json, "\"<a>&\\u2028\\u2029\\u00e9\\ud83d\\ude00\"",
                  "\"\\u003ca\\u003e\\u0026\\u2028\\u2029\u00e9\U0001F600\"\n");
    assert_prints(print_json, "\"\\b\\f\\n\\r\\t\\\"\\\\\\u0000\\u001b\"",
                  "\"\\b\\f\\n\\r\\t\\\"\\\\\\u0000\\u001b\"\n");
    assert_prints(print_json, "[0.5, 1e300, -3, 0.1]", "[\n  0.5,\n  1e+300,\n  -3,\n  0.1\n]\n");
    assert_prints(print_json, "[11e3, 80.0, -0.0, 1e15]",
                  "[\n  11000,\n  80,\n  0,\n  1000000000000000\n]\n");
}

static void yaml_is_indented_by_four_with_sorted_keys(void **state)
{
    (void)state;
    assert_prints(
        print_yaml,
        "{\"status\":{\"info\":{},\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\","
        "\"more\":{\"b\":[1],\"a\":null}}]},"
        "\"metadata\":{\"name\":\"node-01\",\"labels\":{\"zone\":\"hsinchu\"},"
        "\"createdAt\":\"2026-11-20T16:25:13.215072Z\"},\"list\":[[1,[2]],[]]}",
        "list:\n"
        "    - - 1\n"
        "      - - 2\n"
        "    - []\n"
        "metadata:\n"
        "    createdAt: \"2026-11-20T16:25:13.215072Z\"\n"
        "    labels:\n"
        "        zone: hsinchu\n"
        "    name: node-01\n"
        "status:\n"
        "    conditions:\n"
        "        - more:\n"
        "            a: null\n"
        "            b:\n"
        "                - 1\n"
        "          status: \"True\"\n"
        "          type: Ready\n"
        "    info: {}\n");
}

static void yaml_keys_sort_numbers_by_value(void **state)
{
    (void)state;
    static const char *const sorted[] = {
        "-x", ".y", "1",   "01",  "2",  "10",  "A",  "B", "a",
        "a-", "a2", "a2b", "a2-", "a9", "a10", "ab", "b", "\u00e9"
    };

    for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
        for (size_t j = 0; j < ARRAY_LEN(sorted); j++)
            if (print_yaml_key_before(sorted[i], sorted[j]) != (i < j))
                fail_msg("%s %s %s", sorted[i], i < j ? "is not before" : "is before", sorted[j]);
}

static void yaml_strings_are_quoted_only_where_they_must_be(void **state)
{
    (void)state;
    static const struct {
        const char *text, *yaml;
    } cases[] = {
        { "it's", "it's" },
        { "a:b", "a:b" },
        { "nginx:alpine", "nginx:alpine" },
        { "<none>", "<none>" },
        { "caf\u00e9", "caf\u00e9" },
        { "a#b", "a#b" },
        { "-x", "-x" },
        { ":x", ":x" },
        { "10.0.0.5", "10.0.0.5" },
        { "500m", "500m" },
        { "=", "=" },
        { "a, [b] {c}", "a, [b] {c}" },
        { "", "\"\"" },
        { "true", "\"true\"" },
        { "yes", "\"yes\"" },
        { "Off", "\"Off\"" },
        { "y", "\"y\"" },
        { "null", "\"null\"" },
        { "~", "\"~\"" },
        { "8", "\"8\"" },
        { "0777", "\"0777\"" },
        { "1_000", "\"1_000\"" },
        { "1e3", "\"1e3\"" },
        { "0x1F", "\"0x1F\"" },
        { ".inf", "\".inf\"" },
        { "<<", "\"<<\"" },
        { "12:30:45", "\"12:30:45\"" },
        { "2030-01-01", "\"2030-01-01\"" },
        { "0001-01-01T00:00:00Z", "\"0001-01-01T00:00:00Z\"" },
        { "a\tb", "\"a\\tb\"" },
        { "a\rb", "\"a\\rb\"" },
        { "\033[31m", "\"\\e[31m\"" },
        { "\x01", "\"\\x01\"" },
        { "\xc2\x85", "\"\\x85\"" },
        { "\xef\xbb\xbf", "\"\\uFEFF\"" },
        { "\U0001F600", "\"\\U0001F600\"" },
        { "\u2028", "\"\\u2028\"" },
        { "- a", "'- a'" },
        { "-", "'-'" },
        { "? a", "'? a'" },
        { "a: b", "'a: b'" },
        { "a:", "'a:'" },
        { "#x", "'#x'" },
        { "a #x", "'a #x'" },
        { " a", "' a'" },
        { "a ", "'a '" },
        { "'a", "'''a'" },
        { "\"a\"", "'\"a\"'" },
        { "---", "'---'" },
        { "*a", "'*a'" },
        { "&a", "'&a'" },
        { "!a", "'!a'" },
        { "%a", "'%a'" },
        { "@a", "'@a'" },
        { "[a", "'[a'" },
        { "{a", "'{a'" },
        { "|", "'|'" },
        { "a\nb", "|-\n    a\n    b" },
        { "a\n\n  b\n", "|\n    a\n\n      b" },
        { "a\nb\n\n", "\"a\\nb\\n\\n\"" },
        { " a\nb", "\" a\\nb\"" },
        { "a \nb", "\"a \\nb\"" },
        { "\n", "\"\\n\"" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
        print_yaml_string(cases[i].text, strlen(cases[i].text), 4, &out);
        assert_string_equal(buf_str(&out), cases[i].yaml);
    }
}

/* Whatever is printed reads back as the same. */
static void yaml_reads_back(void **state)
{
    (void)state;
    static const char alphabet[] = "ab1 :-#'\"\n\t,[]{}&*!|>%@`~=?._\\<T/\x7f\033";
    unsigned seed = 7;

    for (int round = 0; round < 3000; round++) {
        _cleanup_(buf_done) Buf text = { .max = 64 };
        _cleanup_(buf_done) Buf yaml = { .max = 1024 };
        _cleanup_(json_decrefp) json_t *back = NULL;
        Err err = { 0 };
        for (unsigned n = seed % 9; n > 0; n--) {
            seed = seed * 1103515245 + 12345;
            buf_add(&text, &alphabet[(seed >> 16) % (sizeof(alphabet) - 1)], 1);
        }
        seed = seed * 1103515245 + 12345;
        _cleanup_(json_decrefp) json_t *value =
            json_pack("{s:s, s:[s], s:{s:s}}", "k", buf_str(&text), "l", buf_str(&text), "m",
                      buf_str(&text), buf_str(&text));
        print_yaml(value, &yaml);
        if (yaml_parse(buf_str(&yaml), yaml.len, &back, &err) < 0 ||
            !json_equal(json_array_get(back, 0), value))
            fail_msg("%s\n%s", err.message, buf_str(&yaml));
    }
}

static void assert_table(const char *rows, const char *expected)
{
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };

    print_table(rows, &out);
    assert_string_equal(buf_str(&out), expected);
}

static void tables_pad_all_but_the_last_column(void **state)
{
    (void)state;
    assert_table("NAME\tSTATE\tIP\tAGE\nnode-01\tReady\t10.0.0.5\t3d\nn2\tNotReady\t<none>\t59s\n",
                 "NAME      STATE      IP         AGE\n"
                 "node-01   Ready      10.0.0.5   3d\n"
                 "n2        NotReady   <none>     59s\n");
    assert_table("NAME\tAGE\n", "NAME   AGE\n");
    assert_table("", "");
    assert_table("a\t\tc\n", "a      c\n");
    assert_table("\u00e9\u00e9\tx\nabc\ty\n", "\u00e9\u00e9    x\nabc   y\n");
    assert_table(STYLE_GOOD "ab" STYLE_END "\tx\nabc\ty\n",
                 STYLE_GOOD "ab" STYLE_END "    x\nabc   y\n");
}

static void a_line_without_a_cell_ends_the_column(void **state)
{
    (void)state;
    assert_table("aaaa\tb\nplain\nc\td\n", "aaaa   b\nplain\nc   d\n");
    assert_table("a\tbbbb\tc\nd\te\nf\tg\th\n", "a   bbbb   c\nd   e\nf   g   h\n");
}

static void text_from_elsewhere_cannot_drive_the_terminal(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1024 };

    print_clean("a\033[2Jb\r\xc2\x9b"
                "c\x7f\u00e9\td\n" STYLE_BAD,
                &out);
    assert_string_equal(buf_str(&out), "a?[2Jb??c?\u00e9\td\n?");
}

static void colours_are_put_on_or_left_out(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf cell = { .max = 1024 };
    _cleanup_(buf_done) Buf on = { .max = 1024 };
    _cleanup_(buf_done) Buf off = { .max = 1024 };

    print_cell("Running", "<none>", &cell);
    print_cell("", "<none>", &cell);
    print_cell("other", "<none>", &cell);
    print_styled(buf_str(&cell), true, &on);
    print_styled(buf_str(&cell), false, &off);
    assert_string_equal(buf_str(&on), "\033[32mRunning\033[0m<none>other");
    assert_string_equal(buf_str(&off), "Running<none>other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_two_blanks_a_level_and_keeps_order),
        cmocka_unit_test(json_escapes_what_html_and_javascript_would_trip_over),
        cmocka_unit_test(yaml_is_indented_by_four_with_sorted_keys),
        cmocka_unit_test(yaml_keys_sort_numbers_by_value),
        cmocka_unit_test(yaml_strings_are_quoted_only_where_they_must_be),
        cmocka_unit_test(yaml_reads_back),
        cmocka_unit_test(tables_pad_all_but_the_last_column),
        cmocka_unit_test(a_line_without_a_cell_ends_the_column),
        cmocka_unit_test(text_from_elsewhere_cannot_drive_the_terminal),
        cmocka_unit_test(colours_are_put_on_or_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
