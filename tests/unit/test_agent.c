/* What the agent finds out about its machine, and what it accepts as configuration. */
#include "backoff.h"
#include "cara/mem.h"
#include "facts.h"
#include "history.h"
#include "pressure.h"
#include "settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void meminfo_is_read(void **state)
{
    (void)state;
    static const char text[] = "MemTotal:       16303428 kB\nMemFree:  1 kB\nMemAvailable: 77 kB\n";
    assert_int_equal(facts_parse_meminfo(text, "MemTotal:"), 16303428);
    assert_int_equal(facts_parse_meminfo(text, "MemAvailable:"), 77);
    assert_int_equal(facts_parse_meminfo(text, "Available:"), 0);
    assert_int_equal(facts_parse_meminfo("", "MemTotal:"), 0);
}

static void os_release_is_read(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        { "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n",
          "Debian GNU/Linux 12 (bookworm)" },
        { "PRETTY_NAME='Alpine'\n", "Alpine" },
        { "PRETTY_NAME=Plain", "Plain" },
        { "NOT_PRETTY_NAME=\"no\"\n", "" },
        { "", "" },
        { "PRETTY_NAME=\"\n", "\"" },
    };
    char out[40];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        facts_parse_os_release(cases[i].text, out, sizeof(out));
        assert_string_equal(out, cases[i].want);
    }
    facts_parse_os_release("PRETTY_NAME=\"0123456789012345678901234567890123456789-more\"", out,
                           sizeof(out));
    assert_int_equal(strlen(out), sizeof(out) - 1);
}

static void this_machine_has_facts(void **state)
{
    Facts facts;

    (void)state;
    facts_read(&facts);
    assert_true(facts.cpus > 0);
    assert_true(facts.memory_kib > 0);
    assert_true(facts.disk_kib > 0);
    assert_true(facts.kernel[0] != '\0');
    json_t *json = facts_json(&facts, "20.10");
    assert_non_null(json_object_get(json_object_get(json, "capacity"), "memory"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json, "info"), "dockerVersion")),
        "20.10");
    json_decref(json);
}

static void pressure_has_an_edge_on_either_side(void **state)
{
#define GI ((int64_t)1 << 30)
    static const struct {
        Headroom left;
        bool disk_before;
        bool memory_before;
        const char *want;
    } cases[] = {
        { { 0 }, false, false, "[]" }, /* nothing known */
        { { 50 * GI, 100 * GI, 50, 100 }, false, false, "[]" },
        { { 10 * GI, 100 * GI, 5, 100 }, false, false, "[]" },
        { { 10 * GI - 1, 100 * GI, 50, 100 }, false, false, "[\"DiskPressure\"]" },
        { { 11 * GI, 100 * GI, 50, 100 }, true, false, "[\"DiskPressure\"]" },
        { { 12 * GI, 100 * GI, 50, 100 }, true, false, "[]" },
        { { GI - 1, 2 * GI, 50, 100 }, false, false, "[\"DiskPressure\"]" },
        { { GI + 1, 2 * GI, 50, 100 }, false, false, "[]" },
        { { GI + 1, 2 * GI, 50, 100 }, true, false, "[\"DiskPressure\"]" },
        { { 5 * GI / 4, 2 * GI, 50, 100 }, true, false, "[]" },
        { { 0, 100 * GI, 0, 100 }, false, false, "[\"DiskPressure\",\"MemoryPressure\"]" },
        { { 0, 0, 4, 100 }, false, false, "[\"MemoryPressure\"]" },
        { { 0, 0, 7, 100 }, false, true, "[\"MemoryPressure\"]" },
        { { 0, 0, 8, 100 }, false, true, "[]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const Pressure before = { .disk = cases[i].disk_before, .memory = cases[i].memory_before };
        Pressure now = pressure_judge(before, &cases[i].left);
        json_t *list = pressure_json(now);
        _cleanup_(mem_freep) char *text = json_dumps(list, JSON_COMPACT);
        json_decref(list);
        if (strcmp(text, cases[i].want) != 0)
            fail_msg("case %zu: %s and not %s", i, text, cases[i].want);
        assert_int_equal(pressure_same(before, now),
                         before.disk == now.disk && before.memory == now.memory);
    }
}

static void this_machine_has_headroom(void **state)
{
    Headroom left;

    (void)state;
    pressure_look("/", &left);
    assert_true(left.disk_total > 0 && left.disk_free <= left.disk_total);
    assert_true(left.memory_total > 0 && left.memory_free <= left.memory_total);
    pressure_look("", &left);
    assert_int_equal(left.disk_total, 0);
}

static void the_address_is_the_one_the_server_is_reached_from(void **state)
{
    static const char *const urls[] = { "http://127.0.0.1:8080", "http://127.0.0.1",
                                        "https://127.0.0.1/x", "http://127.0.0.1:8080/" };
    char out[64];
    Err err = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        assert_int_equal(facts_local_address(urls[i], out, sizeof(out), &err), 0);
        assert_string_equal(out, "127.0.0.1");
    }
}

static void bad_settings_are_refused_with_the_way_out(void **state)
{
    static const Settings good = { .server_url = (char *)"http://h:8080",
                                   .node_name = (char *)"n1",
                                   .docker_host = (char *)"unix:///run/docker.sock",
                                   .listen_host = (char *)"0.0.0.0",
                                   .listen_port = 9090,
                                   .proxy_timeout_ms = 60000 };
    static const struct {
        size_t member;
        const char *value;
        const char *option; /* that the message must name; NULL: accepted */
    } cases[] = {
        { offsetof(Settings, server_url), "https://h", NULL },
        { offsetof(Settings, server_url), "h:8080", "SERVER_URL" },
        { offsetof(Settings, server_url), "http://", "SERVER_URL" },
        { offsetof(Settings, node_name), "a.b-c", NULL },
        { offsetof(Settings, node_name), "", "NODE_NAME" },
        { offsetof(Settings, node_name), "Node", "NODE_NAME" },
        { offsetof(Settings, node_name), "-a", "NODE_NAME" },
        { offsetof(Settings, node_name), "a/b", "NODE_NAME" },
        { offsetof(Settings, docker_host), "tcp://h:2375", NULL },
        { offsetof(Settings, docker_host), "ssh://h", "DOCKER_HOST" },
        { offsetof(Settings, docker_host), "unix://x", "DOCKER_HOST" },
        { offsetof(Settings, listen_host), "::", NULL },
        { offsetof(Settings, listen_host), "localhost", "AGENT_LISTEN_HOST" },
        { offsetof(Settings, advertise_ip), "10.0.0.1", NULL },
        { offsetof(Settings, advertise_ip), "me", "AGENT_ADVERTISE_IP" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Settings settings = good;
        Err err = { 0 };
        *(const char **)(void *)((char *)&settings + cases[i].member) = cases[i].value;
        int rc = settings_check(&settings, &err);
        if ((rc == 0) != (cases[i].option == NULL))
            fail_msg("%s: %s", cases[i].value, rc == 0 ? "accepted" : err.message);
        if (rc < 0 && cases[i].option != NULL)
            assert_non_null(strstr(err.message, cases[i].option));
    }
}

static void back_off_doubles_to_its_limit(void **state)
{
    (void)state;
    assert_int_equal(backoff_delay_ms(0), 1000);
    assert_int_equal(backoff_delay_ms(1), 2000);
    assert_int_equal(backoff_delay_ms(8), 256000);
    assert_int_equal(backoff_delay_ms(9), 300000);
    assert_int_equal(backoff_delay_ms(1000000), 300000);
    for (int i = 0; i < 1000; i++) {
        int64_t delay = backoff_jittered_ms(200, 10000, i % 20);
        assert_true(delay >= 100 && delay <= 10000);
        int64_t pace = jittered_ms(1000);
        assert_true(pace >= 750 && pace <= 1250);
    }
}

static void history_is_about_one_config_and_one_generation(void **state)
{
    History history = { 0 };

    (void)state;
    ServiceHistory *service = history_service(&history, "app", "c1");
    failure_record(&service->failure, "Why", "because", 1000);
    assert_int_equal(service->failure.retry_at, 2000);
    failure_record(&service->failure, "Why", service->failure.message, 2000);
    assert_int_equal(service->failure.retry_at, 4000);
    service->restarts = 3;
    service->crashes = 2;
    assert_ptr_equal(history_service(&history, "app", "c1"), service);
    assert_non_null(service->failure.reason);
    service = history_service(&history, "app", "c2");
    assert_null(service->failure.reason);
    assert_int_equal(service->crashes, 0);
    assert_int_equal(service->restarts, 3);
    failure_record(&service->failure, "Why", "because", 1000);
    history_begin(&history, 1, 1);
    assert_null(service->failure.reason);
    failure_record(&service->failure, "Why", "because", 1000);
    history_begin(&history, 1, 1);
    assert_non_null(service->failure.reason);
    history_done(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meminfo_is_read),
        cmocka_unit_test(os_release_is_read),
        cmocka_unit_test(this_machine_has_facts),
        cmocka_unit_test(pressure_has_an_edge_on_either_side),
        cmocka_unit_test(this_machine_has_headroom),
        cmocka_unit_test(the_address_is_the_one_the_server_is_reached_from),
        cmocka_unit_test(bad_settings_are_refused_with_the_way_out),
        cmocka_unit_test(back_off_doubles_to_its_limit),
        cmocka_unit_test(history_is_about_one_config_and_one_generation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
