/* Precedence, grammar and errors of config_load. */
#include "cara/config.h"
#include "cara/dotenv.h"
#include "cara/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct Sample {
    char *url;
    int port;
    int workers;
    bool debug;
    int64_t every_ms;
} Sample;

#define AT(member) offsetof(Sample, member)

static const ConfigOption options[] = {
    { "server-url", "T_SERVER_URL", "server_url", CONFIG_STRING, AT(url), NULL, true, "" },
    { "port", "T_PORT", "port", CONFIG_PORT, AT(port), "8080", false, "" },
    { "workers", "T_WORKERS", "workers", CONFIG_INT, AT(workers), "4", false, "" },
    { "debug", "T_DEBUG", "debug", CONFIG_BOOL, AT(debug), "false", false, "" },
    { "every", "T_EVERY", "every", CONFIG_DURATION, AT(every_ms), "30s", false, "" },
};

static char dir[] = "/tmp/cara-config-XXXXXX";

static void write_file(const char *name, const char *text)
{
    _cleanup_(mem_freep) char *path = mem_printf("%s/%s", dir, name);

    if (text == NULL) {
        unlink(path);
        return;
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Arguments end with NULL. */
static int load(Sample *out, Err *err, ...)
{
    char *argv[16] = { "program" };
    int argc = 1;
    va_list args;

    va_start(args, err);
    while ((argv[argc] = va_arg(args, char *)) != NULL)
        argc++;
    va_end(args);
    *out = (Sample){ 0 };
    return config_load(options, ARRAY_LEN(options),
                       &(ConfigSources){ .argc = argc, .argv = argv, .dir = dir }, out, err);
}

static void done(Sample *sample)
{
    config_done(options, ARRAY_LEN(options), sample);
}

static int clear(void **state)
{
    (void)state;
    write_file(".env", NULL);
    write_file("config.yaml", NULL);
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        unsetenv(options[i].env);
    return 0;
}

static void test_defaults_without_any_source(void **state)
{
    Sample s;
    Err err = { 0 };

    (void)state;
    assert_int_equal(load(&s, &err, NULL), 1);
    assert_null(s.url);
    assert_int_equal(s.port, 8080);
    assert_int_equal(s.workers, 4);
    assert_false(s.debug);
    assert_int_equal(s.every_ms, 30000);
    done(&s);
}

static void test_each_source_wins_over_the_one_below(void **state)
{
    static const int expected[] = { 8080, 1001, 1002, 1003, 1004 };
    Err err = { 0 };

    (void)state;
    for (int sources = 0; sources <= 4; sources++) {
        Sample s;
        write_file("config.yaml", sources >= 1 ? "port: 1001\n" : NULL);
        write_file(".env", sources >= 2 ? "T_PORT=1002\n" : NULL);
        if (sources >= 3)
            setenv("T_PORT", "1003", 1);
        assert_true(load(&s, &err, sources >= 4 ? "-port" : NULL, "1004", NULL) >= 0);
        assert_int_equal(s.port, expected[sources]);
        done(&s);
    }
}

static void test_a_switch_can_be_turned_off_again(void **state)
{
    Sample s;
    Err err = { 0 };

    (void)state;
    write_file("config.yaml", "debug: true\n");
    setenv("T_DEBUG", "no", 1);
    assert_true(load(&s, &err, NULL) >= 0);
    assert_false(s.debug);
    done(&s);
    assert_true(load(&s, &err, "-debug", NULL) >= 0);
    assert_true(s.debug);
    done(&s);
    assert_true(load(&s, &err, "--debug=false", NULL) >= 0);
    assert_false(s.debug);
    done(&s);
}

static void test_an_empty_variable_is_not_given(void **state)
{
    Sample s;
    Err err = { 0 };

    (void)state;
    write_file(".env", "T_PORT=7000\n");
    setenv("T_PORT", "", 1);
    assert_true(load(&s, &err, NULL) >= 0);
    assert_int_equal(s.port, 7000);
    done(&s);
}

static void test_flags_go_style(void **state)
{
    Sample s;
    Err err = { 0 };

    (void)state;
    assert_int_equal(
        load(&s, &err, "-server_url", "http://a", "--every=1m30s", "-debug", "rest", "-x", NULL),
        5);
    assert_string_equal(s.url, "http://a");
    assert_int_equal(s.every_ms, 90000);
    done(&s);
    assert_int_equal(load(&s, &err, "--", "-port", NULL), 2);
    done(&s);
    assert_int_equal(load(&s, &err, "-unknown=1", NULL), -1);
    assert_int_equal(err.status, CONFIG_USAGE);
    assert_string_equal(err.message, "unknown flag -unknown: --help lists the flags");
    assert_int_equal(load(&s, &err, "-port", NULL), -1);
    assert_string_equal(err.message, "flag -port needs a value");
}

static void test_errors_name_source_key_and_what_is_accepted(void **state)
{
    static const struct {
        const char *yaml, *env_file, *env_name, *env_value;
        char *flag;
        const char *message;
    } cases[] = {
        { "port: 70000\n", NULL, NULL, NULL, NULL,
          "config.yaml: port is \"70000\": must be a port from 1 to 65535" },
        { NULL, "T_DEBUG=perhaps\n", NULL, NULL, NULL,
          ".env: T_DEBUG is \"perhaps\": must be true or false (also 1/0, yes/no, on/off)" },
        { NULL, NULL, "T_WORKERS", "-1", NULL,
          "environment: T_WORKERS is \"-1\": must be a whole number, 0 or more" },
        { NULL, NULL, NULL, NULL, "-every=soon",
          "command line: -every is \"soon\": must be a duration such as 30s, 250ms or 1m30s" },
        { "prot: 1\n", NULL, NULL, NULL, NULL,
          "config.yaml: unknown key \"prot\"; the nearest known one is \"port\"" },
        { "port: [1]\n", NULL, NULL, NULL, NULL,
          "config.yaml: port: must be a single value, not a list" },
        { "- port\n", NULL, NULL, NULL, NULL, "config.yaml: must be a mapping of keys to values" },
        { NULL, "no equals sign\n", NULL, NULL, NULL, ".env: line 1: expected KEY=value" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Sample s;
        Err err = { 0 };
        clear(NULL);
        write_file("config.yaml", cases[i].yaml);
        write_file(".env", cases[i].env_file);
        if (cases[i].env_name != NULL)
            setenv(cases[i].env_name, cases[i].env_value, 1);
        assert_int_equal(load(&s, &err, cases[i].flag, NULL), -1);
        assert_string_equal(err.message, cases[i].message);
        assert_null(s.url);
    }
}

static void test_dotenv_grammar(void **state)
{
    static const char text[] = "\xEF\xBB\xBF# comment\r\n"
                               "PLAIN = some words # not this\r\n"
                               "export HASH=a#b\n"
                               "SINGLE='a\\n $X # b'\n"
                               "DOUBLE=\"a\\n\\\"b\\\" \\$X\" # c\n"
                               "LINES=\"one\ntwo\"\n"
                               "EMPTY=\n"
                               "PLAIN=last wins";
    Dotenv env = { 0 };
    Err err = { 0 };

    (void)state;
    assert_int_equal(dotenv_parse(text, &env, &err), 0);
    assert_string_equal(dotenv_get(&env, "PLAIN"), "last wins");
    assert_string_equal(dotenv_get(&env, "HASH"), "a#b");
    assert_string_equal(dotenv_get(&env, "SINGLE"), "a\\n $X # b");
    assert_string_equal(dotenv_get(&env, "DOUBLE"), "a\n\"b\" $X");
    assert_string_equal(dotenv_get(&env, "LINES"), "one\ntwo");
    assert_string_equal(dotenv_get(&env, "EMPTY"), "");
    assert_null(dotenv_get(&env, "ABSENT"));
    dotenv_done(&env);
}

static void test_dotenv_errors_name_the_line_and_no_value(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "A=1\n=secret\n", "line 2: expected KEY=value" },
        { "A=1\n\nB='secret\n", "line 3: the quote ' is never closed" },
        { "A=\"secret\" more\n", "line 1: unexpected text after the closing quote" },
        { "1A=secret\n", "line 1: expected KEY=value" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Dotenv env = { 0 };
        Err err = { 0 };
        assert_int_equal(dotenv_parse(cases[i].text, &env, &err), -1);
        assert_string_equal(err.message, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults_without_any_source, clear),
        cmocka_unit_test_setup(test_each_source_wins_over_the_one_below, clear),
        cmocka_unit_test_setup(test_a_switch_can_be_turned_off_again, clear),
        cmocka_unit_test_setup(test_an_empty_variable_is_not_given, clear),
        cmocka_unit_test_setup(test_flags_go_style, clear),
        cmocka_unit_test_setup(test_errors_name_source_key_and_what_is_accepted, clear),
        cmocka_unit_test(test_dotenv_grammar),
        cmocka_unit_test(test_dotenv_errors_name_the_line_and_no_value),
    };

    if (mkdtemp(dir) == NULL)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    clear(NULL);
    rmdir(dir);
    return failed;
}
