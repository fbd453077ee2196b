/* The command line as cobra and pflag would read it, and help as they would print it. */
#include "cara/mem.h"
#include "command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_WORDS 16

/* Splits on blanks and parses; the line is valid until the next call. */
static int parse(const char *words, CommandLine *line, Err *err)
{
    static char buffer[512];
    char *argv[MAX_WORDS] = { (char *)(uintptr_t) "caractrl" };
    char *rest;
    int argc = 1;

    err_clear(err);
    snprintf(buffer, sizeof(buffer), "%s", words);
    for (char *p = strtok_r(buffer, " ", &rest); p != NULL; p = strtok_r(NULL, " ", &rest))
        argv[argc++] = p;
    return command_line_parse(argc, argv, line, err);
}

static void assert_parses(const char *words, const char *path)
{
    CommandLine line;
    Err err;

    if (parse(words, &line, &err) < 0)
        fail_msg("%s: %s", words, err.message);
    assert_string_equal(line.command->path, path);
    command_line_done(&line);
}

static void assert_value(const char *words, const char *flag, const char *value)
{
    CommandLine line;
    Err err;

    if (parse(words, &line, &err) < 0)
        fail_msg("%s: %s", words, err.message);
    assert_string_equal(command_line_value(&line, flag), value);
    command_line_done(&line);
}

static void assert_refused(const char *words, const char *message)
{
    CommandLine line;
    Err err;

    if (parse(words, &line, &err) == 0)
        fail_msg("accepted: %s", words);
    assert_string_equal(err.message, message);
    command_line_done(&line);
}

static void commands_and_aliases_are_found(void **state)
{
    (void)state;
    assert_parses("", "");
    assert_parses("get", "get");
    assert_parses("get nodes", "get nodes");
    assert_parses("get node n1 n2", "get nodes");
    assert_parses("get project x", "get projects");
    assert_parses("get foo", "get");
    assert_parses("describe nodes x", "describe node");
    assert_parses("delete projects x", "delete project");
    assert_parses("version whatever you say", "version");
    assert_parses("cordon n1 n2", "cordon");
    assert_parses("drain n1 --timeout 5m --dry-run", "drain");
    assert_parses("settings set poll_interval=30s", "settings set");
}

static void flags_may_stand_anywhere(void **state)
{
    (void)state;
    assert_parses("--server http://x get nodes", "get nodes");
    assert_parses("--server get get nodes", "get nodes");
    assert_parses("-o json get projects", "get projects");
    assert_parses("-f x.yaml apply", "apply");
    assert_value("get nodes --server http://x", "server", "http://x");
    assert_value("get nodes --server=http://x=y", "server", "http://x=y");
    assert_value("get nodes", "server", "http://localhost:8080");
    assert_value("get -o yaml nodes", "output", "yaml");
    assert_value("get nodes -oyaml", "output", "yaml");
    assert_value("get nodes -o=yaml", "output", "yaml");
    assert_value("get nodes -o yaml --output json", "output", "json");
    assert_value("apply -f -", "filename", "-");
    assert_value("delete project x --force", "force", "true");
    assert_value("delete project x --force=false", "force", "false");
    assert_value("plan --drain n1 -f x", "drain", "n1");
    assert_value("drain n1", "timeout", "5m");
    assert_value("--timeout 0 drain n1", "timeout", "0");
}

static void arguments_are_kept_in_order(void **state)
{
    (void)state;
    CommandLine line;
    Err err;

    assert_int_equal(parse("get nodes a --server x b -- -c --server", &line, &err), 0);
    assert_int_equal(line.arg_count, 4);
    assert_string_equal(line.args[0], "a");
    assert_string_equal(line.args[1], "b");
    assert_string_equal(line.args[2], "-c");
    assert_string_equal(line.args[3], "--server");
    command_line_done(&line);
}

static void wrong_lines_are_refused_in_cobras_words(void **state)
{
    (void)state;
    assert_refused("get nodes --bad", "unknown flag: --bad");
    assert_refused("get nodes --bad=1", "unknown flag: --bad");
    assert_refused("get nodes -x", "unknown shorthand flag: 'x' in -x");
    assert_refused("get nodes -xyz", "unknown shorthand flag: 'x' in -xyz");
    assert_refused("get nodes --server", "flag needs an argument: --server");
    assert_refused("get nodes -o", "flag needs an argument: 'o' in -o");
    assert_refused("get nodes --=x", "bad flag syntax: --=x");
    assert_refused("apply", "required flag(s) \"filename\" not set");
    assert_refused("delete node", "requires at least 1 arg(s), only received 0");
    assert_refused("describe project", "accepts 1 arg(s), received 0");
    assert_refused("describe project a b", "accepts 1 arg(s), received 2");
    assert_refused("get events a b", "accepts at most 1 arg(s), received 2");
    assert_refused("cordon", "requires at least 1 arg(s), only received 0");
    assert_refused("drain a b", "accepts 1 arg(s), received 2");
    assert_refused("why", "accepts 1 arg(s), received 0");
    assert_refused("exec a/b", "requires at least 2 arg(s), only received 1");
    assert_refused("get nodes --version", "unknown flag: --version");
    assert_refused("settings get a b", "accepts at most 1 arg(s), received 2");
    assert_refused("plan --drain", "flag needs an argument: --drain");
    assert_refused("get nodes -o xml", "invalid argument \"xml\" for \"-o, --output\" flag: must "
                                       "be one of table, wide, json, yaml, name");
    assert_refused("delete project x --force=maybe",
                   "invalid argument \"maybe\" for \"--force\" flag: must be true or false");
    assert_refused("foo", "unknown command \"foo\" for \"caractrl\"");
    assert_refused("gte",
                   "unknown command \"gte\" for \"caractrl\"\n\nDid you mean this?\n\tget\n");
    assert_refused("de", "unknown command \"de\" for \"caractrl\"\n\nDid you mean this?\n"
                         "\tdelete\n\tdescribe\n\tget\n");
}

static void help_wins_over_missing_arguments(void **state)
{
    (void)state;
    CommandLine line;
    Err err;

    assert_int_equal(parse("delete node -h", &line, &err), 0);
    assert_true(line.help);
    command_line_done(&line);
    assert_refused("delete node -h --bad", "unknown flag: --bad");
}

static void usage_is_laid_out_as_cobras(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 16 };

    command_print_usage(command_find("describe node"), &out);
    assert_string_equal(buf_str(&out),
                        "Usage:\n"
                        "  caractrl describe node <name> [flags]\n"
                        "\n"
                        "Aliases:\n"
                        "  node, nodes\n"
                        "\n"
                        "Flags:\n"
                        "      --all                 all there are\n"
                        "  -h, --help                help for node\n"
                        "  -l, --selector selector   those whose labels match: key=value, "
                        "key!=value, \"key in (a,b)\", key, '!key'\n"
                        "\n"
                        "Global Flags:\n"
                        "  -o, --output string   output format: table | wide | json | yaml | name "
                        "(default \"table\")\n"
                        "      --server string   cara-server address, CARA_SERVER in the "
                        "environment (default \"http://localhost:8080\")\n");
}

/* Descriptions stand below each other, however long a name is. */
static void commands_are_aligned(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 16 };

    command_print_usage(command_find(""), &out);
    assert_non_null(strstr(buf_str(&out), "\n  port-forward Reach "));
    assert_non_null(strstr(buf_str(&out), "\n  plan         Show "));
    assert_non_null(strstr(buf_str(&out), "\n      --version         print which build"));
}

/* The table itself: every command says what it is, has a parent, and is sorted within it. */
static void table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 1; ctl_commands[i] != NULL; i++) {
        const Command *c = ctl_commands[i];
        _cleanup_(mem_freep) char *parent = mem_strdup(c->path);
        char *space = strrchr(parent, ' ');
        *(space != NULL ? space : parent) = '\0';
        assert_non_null(command_find(parent));
        assert_non_null(c->brief);
        if (!c->hidden && !ctl_commands[i - 1]->hidden)
            assert_true(strcmp(ctl_commands[i - 1]->path, c->path) < 0);
    }
}

static void behind_the_command_of_exec_everything_is_its_own(void **state)
{
    static const char *const words[] = {
        "exec -t p/s sh -i --server x",
        "exec p/s -t sh -i --server x",
        "exec p/s -t -- sh -i --server x",
        "exec -t -- p/s sh -i --server x",
    };
    CommandLine line;
    Err err = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        assert_int_equal(parse(words[i], &line, &err), 0);
        assert_true(command_line_is_set(&line, "tty"));
        assert_false(command_line_is_set(&line, "stdin"));
        assert_int_equal(line.arg_count, 5);
        assert_string_equal(line.args[1], "sh");
        assert_string_equal(line.args[2], "-i");
        assert_string_equal(line.args[4], "x");
        command_line_done(&line);
    }
    assert_int_equal(parse("exec p/s -it sh", &line, &err), 0);
    assert_true(command_line_is_set(&line, "tty") && command_line_is_set(&line, "stdin"));
    command_line_done(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_and_aliases_are_found),
        cmocka_unit_test(flags_may_stand_anywhere),
        cmocka_unit_test(arguments_are_kept_in_order),
        cmocka_unit_test(wrong_lines_are_refused_in_cobras_words),
        cmocka_unit_test(help_wins_over_missing_arguments),
        cmocka_unit_test(usage_is_laid_out_as_cobras),
        cmocka_unit_test(commands_are_aligned),
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(behind_the_command_of_exec_everything_is_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
