/* Assignments as the agent reads them, and the hash that decides whether a container must be
 * replaced. */
#include "demand.h"
#include "desired.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static Desired *parse(const char *services)
{
    _cleanup_(mem_freep) char *text = mem_printf(
        "{\"project\":\"web\",\"uid\":\"u\",\"epoch\":3,\"generation\":2,\"desired\":\"Running\","
        "\"phase\":\"Running\",\"spec\":{\"services\":[%s],\"volumes\":[{\"name\":\"v\",\"type\":"
        "\"Ephemeral\"}]}}",
        services);
    json_t *item = json_loads(text, 0, NULL);
    Err err = { 0 };
    Desired *desired = desired_parse(item, &err);

    json_decref(item);
    if (desired == NULL)
        fail_msg("%s", err.message);
    return desired;
}

static void everything_is_read(void **state)
{
    _cleanup_(desired_unrefp) Desired *desired =
        parse("{\"name\":\"app\",\"image\":\"i:1\",\"restartPolicy\":\"Never\",\"imagePullPolicy\":"
              "\"Always\","
              "\"stopGracePeriod\":\"1m30s\",\"healthcheck\":{\"test\":[\"CMD\",\"x\"]},"
              "\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/"
              "v\"}]},{\"name\":\"b\",\"image\":\"j\"}");
    const DesiredService *app = desired_service(desired, "app");
    const DesiredService *b = desired_service(desired, "b");

    (void)state;
    assert_string_equal(desired->project, "web");
    assert_string_equal(desired->phase, "Running");
    assert_int_equal(desired->epoch, 3);
    assert_int_equal(desired->generation, 2);
    assert_false(desired->removed);
    assert_int_equal(desired->volume_count, 1);
    assert_int_equal(app->restart, RESTART_NEVER);
    assert_int_equal(app->pull, PULL_ALWAYS);
    assert_int_equal(app->grace_ms, 90000);
    assert_true(app->has_health);
    assert_true(app->exclusive);
    assert_int_equal(b->restart, RESTART_ALWAYS);
    assert_int_equal(b->pull, PULL_IF_NOT_PRESENT);
    assert_int_equal(b->grace_ms, DEFAULT_GRACE_MS);
    assert_false(b->has_health);
    assert_null(desired_service(desired, "c"));
}

static void the_engine_gets_its_own_words(void **state)
{
    _cleanup_(desired_unrefp) Desired *desired =
        parse("{\"name\":\"app\",\"image\":\"i:1\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{"
              "\"name\":\"B\"}],"
              "\"command\":[\"c\"],\"args\":[\"a\",\"b\"],"
              "\"healthcheck\":{\"test\":[\"true\"],\"interval\":\"2s\",\"timeout\":\"500ms\","
              "\"startPeriod\":\"1m\",\"retries\":4},"
              "\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]}");
    _cleanup_(mem_freep) char *body =
        json_dumps(desired->services[0].engine, JSON_COMPACT | JSON_SORT_KEYS);

    (void)state;
    assert_string_equal(
        body, "{\"Cmd\":[\"a\",\"b\"],\"Entrypoint\":[\"c\"],\"Env\":[\"A=1\",\"B=\"],"
              "\"Healthcheck\":{\"Interval\":2000000000,\"Retries\":4,\"StartPeriod\":60000000000,"
              "\"Test\":[\"CMD\",\"true\"],\"Timeout\":500000000},"
              "\"HostConfig\":{\"Binds\":[\"cara-web-v:/v\"]},\"Image\":\"i:1\"}");
}

static void resources_and_ports_are_the_engines(void **state)
{
    static const struct {
        const char *members;
        const char *want; /* HostConfig */
        bool exclusive;
    } cases[] = {
        { "\"resources\":{}", "{}", false },
        { "\"resources\":{\"limits\":{\"cpu\":\"1500m\",\"memory\":\"64Mi\"}}",
          "{\"CpuShares\":1536,\"Memory\":67108864,\"MemoryReservation\":67108864,"
          "\"MemorySwap\":67108864,\"NanoCpus\":1500000000}",
          false },
        { "\"resources\":{\"requests\":{\"cpu\":\"250m\",\"memory\":\"32Mi\"},"
          "\"limits\":{\"memory\":\"64Mi\"}}",
          "{\"CpuShares\":256,\"Memory\":67108864,\"MemoryReservation\":33554432,"
          "\"MemorySwap\":67108864}",
          false },
        { "\"resources\":{\"requests\":{\"cpu\":\"1m\",\"memory\":\"1\"}}",
          "{\"CpuShares\":2,\"MemoryReservation\":6291456}", false },
        { "\"resources\":{\"requests\":{\"cpu\":\"1e15\"}}", "{\"CpuShares\":262144}", false },
        { "\"ports\":[{\"containerPort\":80}]", "{}", false },
        { "\"ports\":[{\"containerPort\":80,\"hostPort\":8080},"
          "{\"containerPort\":80,\"hostPort\":8081},"
          "{\"containerPort\":53,\"hostPort\":53,\"protocol\":\"UDP\"}]",
          "{\"PortBindings\":{\"53/udp\":[{\"HostPort\":\"53\"}],"
          "\"80/tcp\":[{\"HostPort\":\"8080\"},{\"HostPort\":\"8081\"}]}}",
          true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(mem_freep) char *service =
            mem_printf("{\"name\":\"app\",\"image\":\"i:1\",%s}", cases[i].members);
        _cleanup_(desired_unrefp) Desired *desired = parse(service);
        _cleanup_(mem_freep) char *host =
            json_dumps(json_object_get(desired->services[0].engine, "HostConfig"),
                       JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal(host, cases[i].want);
        assert_int_equal(desired->services[0].exclusive, cases[i].exclusive);
    }
    _cleanup_(desired_unrefp) Desired *desired = parse(
        "{\"name\":\"app\",\"image\":\"i:1\",\"ports\":[{\"containerPort\":80,\"hostPort\":8080},"
        "{\"containerPort\":53,\"protocol\":\"UDP\"}]}");
    _cleanup_(mem_freep) char *exposed =
        json_dumps(json_object_get(desired->services[0].engine, "ExposedPorts"),
                   JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(exposed, "{\"53/udp\":{},\"80/tcp\":{}}");
}

/* The hash is the same on every machine; what the engine is given fits this one. */
static void a_limit_beyond_the_machine_is_the_machine(void **state)
{
    static const struct {
        const char *limit;
        int64_t want;
    } cases[] = { { "1", 1000000000 }, { "64", 2000000000 }, { "1m", 10000000 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(mem_freep) char *service = mem_printf(
            "{\"name\":\"app\",\"image\":\"i:1\",\"resources\":{\"limits\":{\"cpu\":\"%s\"}}}",
            cases[i].limit);
        _cleanup_(desired_unrefp) Desired *desired = parse(service);
        json_t *host = json_object_get(desired->services[0].engine, "HostConfig");
        demand_fit(host, 2);
        assert_int_equal(json_integer_value(json_object_get(host, "NanoCpus")), cases[i].want);
    }
    json_t *none = json_object();
    demand_fit(none, 2);
    assert_int_equal(json_object_size(none), 0);
    json_decref(none);
}

/* Only a deletion of the project itself takes its lasting data along. */
static void a_move_is_told_from_a_deletion(void **state)
{
    static const struct {
        const char *desired;
        const char *phase;
        bool deleted;
    } cases[] = {
        { "Running", "Running", false },      { "Removed", "Pending", false },
        { "Removed", "Running", false },      { "Removed", "Failed", false },
        { "Removed", "Terminating", true },   { "Removed", "Terminated", true },
        { "Removed", "SomethingNew", false }, { "Removed", "", false },
    };
    _cleanup_(desired_unrefp) Desired *leftover = desired_leftover("web");

    (void)state;
    assert_true(leftover->removed);
    assert_false(leftover->deleted);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Err err = { 0 };
        json_t *item = json_pack("{s:s,s:s,s:i,s:i,s:s,s:s,s:{s:[{s:s,s:s},{s:s,s:s}]}}", "project",
                                 "web", "uid", "u", "epoch", 3, "generation", 2, "desired",
                                 cases[i].desired, "phase", cases[i].phase, "spec", "volumes",
                                 "name", "a", "type", "Ephemeral", "name", "b", "type", "Local");
        _cleanup_(desired_unrefp) Desired *desired = desired_parse(item, &err);
        json_decref(item);
        assert_non_null(desired);
        assert_int_equal(desired->deleted, cases[i].deleted);
        assert_false(desired->volumes[0].lasting);
        assert_true(desired->volumes[1].lasting);
    }
}

static void only_what_needs_a_new_container_changes_the_hash(void **state)
{
    static const char base[] = "{\"name\":\"app\",\"image\":\"i:1\"}";
    static const struct {
        const char *service;
        bool same;
    } cases[] = {
        { base, true },
        { "{\"image\":\"i:1\",\"name\":\"app\"}", true },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"env\":[]}", true },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"restartPolicy\":\"Never\"}", true },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"imagePullPolicy\":\"Always\"}", true },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"stopGracePeriod\":\"1s\"}", true },
        { "{\"name\":\"app\",\"image\":\"i:2\"}", false },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"env\":[{\"name\":\"A\"}]}", false },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"command\":[\"x\"]}", false },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"args\":[\"x\"]}", false },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"healthcheck\":{\"test\":[\"x\"]}}", false },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/"
          "v\"}]}",
          false },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"resources\":{},\"ports\":[]}", true },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"resources\":{\"limits\":{\"cpu\":\"1\"}}}",
          false },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"resources\":{\"requests\":{\"memory\":\"9Mi\"}}}",
          false },
        { "{\"name\":\"app\",\"image\":\"i:1\",\"ports\":[{\"containerPort\":80}]}", false },
    };
    _cleanup_(desired_unrefp) Desired *desired = parse(base);

    (void)state;
    assert_int_equal(strlen(desired->services[0].config), CONFIG_HASH_SIZE - 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(desired_unrefp) Desired *other = parse(cases[i].service);
        bool same = strcmp(desired->services[0].config, other->services[0].config) == 0;
        if (same != cases[i].same)
            fail_msg("%s: the hash is %s", cases[i].service, same ? "the same" : "another");
    }
}

/* Half a list must never be acted on: what is missing in it would be removed. */
static void a_list_that_is_not_understood_is_refused_whole(void **state)
{
    static const char *const cases[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"items\":null}",
        "{\"items\":[{}]}",
        "{\"items\":[{\"project\":\"a\",\"desired\":\"Running\",\"spec\":{}},{\"project\":\"b\","
        "\"desired\":\"Paused\"}]}",
        "{\"items\":[{\"project\":\"a\",\"desired\":\"Running\",\"spec\":{\"services\":[{\"name\":"
        "\"x\"}]}}]}",
        "{\"items\":[]}x",
        "{\"items\":[{\"project\":\"a\",\"desired\":\"Running\",\"spec\":{\"services\":[{\"name\":"
        "\"x\",\"image\":\"i\",\"resources\":{\"limits\":{\"cpu\":\"lots\"}}}]}}]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Assignments assignments = { 0 };
        Err err = { 0 };
        if (assignments_parse(cases[i], strlen(cases[i]), &assignments, &err) == 0)
            fail_msg("accepted: %s", cases[i]);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_int_equal(assignments.count, 0);
    }
}

static void an_empty_list_is_a_list(void **state)
{
    Assignments assignments = { 0 };
    Err err = { 0 };

    (void)state;
    assert_int_equal(assignments_parse("{\"items\":[]}", 12, &assignments, &err), 0);
    assert_int_equal(assignments.count, 0);
    assignments_done(&assignments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(the_engine_gets_its_own_words),
        cmocka_unit_test(resources_and_ports_are_the_engines),
        cmocka_unit_test(a_limit_beyond_the_machine_is_the_machine),
        cmocka_unit_test(a_move_is_told_from_a_deletion),
        cmocka_unit_test(only_what_needs_a_new_container_changes_the_hash),
        cmocka_unit_test(a_list_that_is_not_understood_is_refused_whole),
        cmocka_unit_test(an_empty_list_is_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
