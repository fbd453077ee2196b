/* Durations, RFC 3339 and ages. */
#include "cara/mem.h"
#include "cara/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void durations_follow_gos_grammar(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        { "0", 0 },          { "30s", 30000 },     { "1m30s", 90000 },   { "250ms", 250 },
        { "1.5h", 5400000 }, { ".5s", 500 },       { "1.s", 1000 },      { "2h45m", 9900000 },
        { "1500us", 1 },     { "1500\u00b5s", 1 }, { "1500\u03bcs", 1 }, { "999ns", 0 },
        { "0.3s", 300 },     { "24h", 86400000 },
    };
    static const char *const bad[] = {
        "",    "5",   "s",   ".s",    "1x",   "1h ",         " 1h",
        "-1s", "+1s", "1h5", "1..5s", "1e3s", "9999999999h", "99999999999999999999s"
    };
    int64_t ms;
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(time_parse_duration(good[i].text, &ms, &err), 0);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ms = 77;
        if (time_parse_duration(bad[i], &ms, &err) == 0)
            fail_msg("accepted \"%s\"", bad[i]);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_int_equal(ms, 77);
        assert_non_null(strstr(err.message, "30s"));
    }
}

static void rfc3339_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        bool zero;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0, false },
        { "2026-11-20T16:25:13Z", 1795191913, false },
        { "2026-11-20T16:25:13.215072Z", 1795191913, false },
        { "2026-11-21T00:25:13+08:00", 1795191913, false },
        { "2026-11-20T11:55:13-04:30", 1795191913, false },
        { "1969-12-31T23:59:59Z", -1, false },
        { "2000-02-29T00:00:00Z", 951782400, false },
        { "0001-01-01T00:00:00Z", -62135596800, true },
        { "", -62135596800, true },
        { "9999-12-31T23:59:59Z", 253402300799, false },
    };
    static const char *const bad[] = {
        "2026-11-20",
        "2026-11-20t16:25:13Z",
        "2026-11-20T16:25:13z",
        "2026-11-20T16:25:13",
        "2026-11-20 16:25:13Z",
        "2026-13-20T16:25:13Z",
        "2026-02-29T16:25:13Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T16:60:13Z",
        "2026-11-20T16:25:60Z",
        "2026-11-20T16:25:13.Z",
        "2026-11-20T16:25:13+0800",
        "2026-11-20T16:25:13+24:00",
        "2026-11-20T16:25:13Zx",
        "1900-02-29T00:00:00Z",
        "12",
        "+026-11-20T16:25:13Z",
    };
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t seconds;
        bool zero;
        assert_int_equal(time_parse_rfc3339(good[i].text, &seconds, &zero, &err), 0);
        assert_true(seconds == good[i].seconds);
        assert_int_equal(zero, good[i].zero);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t seconds = 77;
        bool zero = false;
        if (time_parse_rfc3339(bad[i], &seconds, &zero, &err) == 0)
            fail_msg("accepted \"%s\"", bad[i]);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_int_equal(seconds, 77);
    }
}

static void times_and_ages_print_as_people_read_them(void **state)
{
    (void)state;
    static const struct {
        int64_t then, now;
        const char *age;
    } ages[] = {
        { 100, 100, "0s" },
        { 100, 159, "59s" },
        { 100, 160, "1m" },
        { 0, 3599, "59m" },
        { 0, 3600, "1h" },
        { 0, 86399, "23h" },
        { 0, 86400, "1d" },
        { 0, 7 * 86400, "7d" },
        { 129, 100, "-29s" },
        { 98004880, 0, "-98004880s" },
        { INT64_MIN, 1, "<unknown>" },
    };
    char out[TIME_TEXT_MAX];

    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        time_format_age(ages[i].then, ages[i].now, out);
        assert_string_equal(out, ages[i].age);
    }
    time_format_utc(1795191913, out);
    assert_string_equal(out, "2026-11-20T16:25:13Z");
    time_format_utc(-62135596800, out);
    assert_string_equal(out, "0001-01-01T00:00:00Z");
    time_format_utc(INT64_MAX, out);
    assert_string_equal(out, "<unknown>");
}

static void clocks_run_forward(void **state)
{
    (void)state;
    int64_t before = time_monotonic_ms();

    assert_true(time_now_seconds() > 1700000000);
    assert_true(time_monotonic_ms() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_follow_gos_grammar),
        cmocka_unit_test(rfc3339_is_read_strictly),
        cmocka_unit_test(times_and_ages_print_as_people_read_them),
        cmocka_unit_test(clocks_run_forward),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
