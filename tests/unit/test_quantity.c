/* Quantities, as cara.quantity() reads them in SQL. */
#include "cara/mem.h"
#include "cara/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BYTES      0
#define MILLICORES 3
#define NANOCORES  9

static void quantities_are_integers_of_a_unit(void **state)
{
    static const struct {
        const char *text;
        int scale;
        int64_t want;
    } cases[] = {
        { "0", BYTES, 0 },
        { "500m", MILLICORES, 500 },
        { "2", MILLICORES, 2000 },
        { "1.5", MILLICORES, 1500 },
        { ".5", MILLICORES, 500 },
        { "2.", MILLICORES, 2000 },
        { "0.1", NANOCORES, 100000000 },
        { "100u", MILLICORES, 1 }, /* rounded up */
        { "1n", NANOCORES, 1 },
        { "1n", BYTES, 1 },
        { "256Mi", BYTES, 268435456 },
        { "1Gi", BYTES, 1073741824 },
        { "1.5Ki", BYTES, 1536 },
        { "1G", BYTES, 1000000000 },
        { "1k", BYTES, 1000 },
        { "1e3", BYTES, 1000 },
        { "1E3", BYTES, 1000 },
        { "1e003", BYTES, 1000 },
        { "1e-999", BYTES, 1 },
        { "0e999", BYTES, 0 },
        { "1E", BYTES, 1000000000000000000 },
        { "12e-1", BYTES, 2 },
        { "0.0000000000000000000000000001", BYTES, 1 },
        { "000000000000000000000000000007", BYTES, 7 },
        { "1000000000000000000000n", BYTES, 1000000000000 },
        { "1.000000000000000000001", BYTES, 2 },
        { "7Ei", BYTES, 8070450532247928832 },
        { "9000000000000000000", BYTES, 9000000000000000000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t got = -1;
        Err err = { 0 };
        if (quantity_parse(cases[i].text, cases[i].scale, &got, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.message);
        if (got != cases[i].want)
            fail_msg("%s is %lld and not %lld", cases[i].text, (long long)got,
                     (long long)cases[i].want);
    }
}

static void what_is_none_is_refused(void **state)
{
    static const char *const cases[] = {
        "",   ".",    "m",   "Mi",   "-1",    "+1",   "1 ",   " 1",    "1mm", "1Kib", "1ki",
        "1e", "1e3m", "0x1", "1..2", "1.2.3", "10Ei", "1e19", "1e999", "nan", "1e3Ki"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t got = -1;
        Err err = { 0 };
        if (quantity_parse(cases[i], BYTES, &got, &err) == 0)
            fail_msg("accepted: \"%s\"", cases[i]);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_int_equal(got, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_integers_of_a_unit),
        cmocka_unit_test(what_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
