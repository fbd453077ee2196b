/* Errors: cut where they may be cut, and no password in them. */
#include "cara/err.h"
#include "cara/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void passwords_of_urls_are_masked(void **state)
{
    static const struct {
        const char *given;
        const char *want;
    } cases[] = {
        { "Get \"http://user:s3cret@n1:1/x\": dial", "Get \"http://user:xxxxx@n1:1/x\": dial" },
        { "http://u:p@h https://v:qqqqqqqqqq@i", "http://u:xxxxx@h https://v:xxxxx@i" },
        { "http://u:p@w@h/a@b", "http://u:xxxxx@h/a@b" },
        { "http://u:12@h:80", "http://u:xxxxx@h:80" },
        { "http://u:a/b@h", "http://u:xxxxx@h" },
        { "http://:p@h", "http://:xxxxx@h" },
        { "http://u@h:80/a:b@c", "http://u@h:80/a:b@c" },
        { "http://h:80/a@b: refused", "http://h:80/a@b: refused" },
        { "http://[::1]:80: refused by a@b", "http://[::1]:80: refused by a@b" },
        { "no URL a:b@c", "no URL a:b@c" },
        { "://", "://" },
    };
    Err err = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        err_set(&err, ERR_INVALID, "%s", cases[i].given);
        assert_string_equal(err.message, cases[i].want);
        err_set_status(&err, ERR_HTTP, 500, "%s", cases[i].given);
        assert_string_equal(err.message, cases[i].want);
    }
    err_set(&err, ERR_INVALID, "refused");
    err_prefix(&err, "http://u:p@h");
    assert_string_equal(err.message, "http://u:xxxxx@h: refused");
}

static void long_messages_are_cut_between_characters(void **state)
{
    char text[4096];
    Err err = { 0 };

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text + sizeof(err.message) - 2, "\xC3\xA9", 2);
    text[sizeof(text) - 1] = '\0';
    err_set(&err, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 2);
    for (size_t i = 0; i + 6 < sizeof(text); i += 6)
        memcpy(text + i, "://:@ ", 6);
    err_set(&err, ERR_INVALID, "%s", text); /* as many passwords as there can be */
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_of_urls_are_masked),
        cmocka_unit_test(long_messages_are_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
