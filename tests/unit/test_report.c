/* From the engine's answer to the report that goes out, and the outbox it waits in. */
#include "cara/names.h"
#include "observe.h"
#include "outbox.h"
#include "plan_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const char inspect_answer[] =
    "{\"Id\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"Name\":\"/"
    "web-app\","
    "\"Image\":\"sha256:feed\",\"State\":{\"Status\":\"exited\",\"ExitCode\":137,\"OOMKilled\":"
    "true,"
    "\"Error\":\"\",\"StartedAt\":\"2026-11-23T18:52:24.145678Z\",\"FinishedAt\":\"2026-11-23T18:"
    "52:25Z\","
    "\"Health\":{\"Status\":\"unhealthy\"}},"
    "\"Config\":{\"Image\":\"demo:1\",\"Labels\":{\"cara.project\":\"web\",\"cara.service\":"
    "\"app\","
    "\"cara.uid\":\"u1\",\"cara.config\":\"c\"}},"
    "\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"IPAddress\":\"1.1.1.1\"},"
    "\"cara-web\":{\"IPAddress\":\"10.0.0.2\"}}}}";

static void an_inspect_answer_becomes_a_container(void **state)
{
    Observed observed = { .containers = mem_alloc(sizeof(Container)), .container_count = 1 };
    json_t *answer = json_loads(inspect_answer, 0, NULL);
    Container *container = observed.containers;

    (void)state;
    observe_container(answer, container);
    json_decref(answer);
    assert_string_equal(container->name, "web-app");
    assert_string_equal(container->service, "app");
    assert_string_equal(container->uid, "u1");
    assert_string_equal(container->config, "c");
    assert_string_equal(container->ip, "10.0.0.2");
    assert_int_equal(container->state, CONTAINER_EXITED);
    assert_int_equal(container->health, HEALTH_UNHEALTHY);
    assert_int_equal(container->exit_code, 137);
    assert_true(container->oom);
    assert_int_equal(container->started_ms, 1795459944145);
    assert_int_equal(container->finished_ms, 1795459945000);
    observed_done(&observed);
}

static void an_empty_answer_is_survived(void **state)
{
    Observed observed = { .containers = mem_alloc(sizeof(Container)), .container_count = 1 };
    json_t *answer = json_object();

    (void)state;
    observe_container(answer, observed.containers);
    assert_int_equal(observed.containers[0].state, CONTAINER_DEAD);
    assert_int_equal(observed.containers[0].started_ms, 0);
    json_decref(answer);
    observed_done(&observed);
}

static void report_of(Model *model, Report *ret)
{
    _cleanup_(plan_done) Plan plan = { 0 };

    plan_make(model->desired, &model->observed, &model->history, model->now_ms, &plan);
    report_build(model->desired, &plan, &model->history, ret);
}

static void a_crash_is_told_with_all_that_is_known(void **state)
{
    Model model;
    Report report = { 0 };

    (void)state;
    model_init(&model, model_desired("", 2));
    model.observed.has_network = true;
    model.observed.volumes[model.observed.volume_count++] =
        (Volume){ .name = mem_strdup("cara-web-data"), .uid = mem_strdup("u1") };
    Container *container =
        model_add(&model, "web-app", model.desired->services[0].config, "u1", CONTAINER_EXITED);
    free(container->id);
    container->id = mem_strdup("0123456789abcdef");
    free(container->ip);
    container->ip = mem_strdup("10.0.0.2");
    container->exit_code = 3;
    container->oom = true;
    container->started_ms = 1795459944145;
    model.now_ms = container->finished_ms = 1795459945007;
    history_service(&model.history, "app", model.desired->services[0].config)->restarts = 4;
    report_of(&model, &report);
    assert_string_equal(report.project, "web");
    assert_string_equal(report.phase, PHASE_FAILED);
    assert_string_equal(report.text,
                        "{\"project\":\"web\",\"epoch\":7,\"generation\":2,\"phase\":\"Failed\","
                        "\"reason\":\"ContainerCrashed\","
                        "\"message\":\"Containers crashed: "
                        "app(exit=3)\",\"services\":[{\"name\":\"app\",\"state\":\"exited\","
                        "\"containerId\":\"0123456789ab\",\"image\":\"demo:1\",\"ip\":\"10.0.0.2\","
                        "\"exitCode\":3,\"oomKilled\":true,"
                        "\"startedAt\":\"2026-11-23T18:52:24.145Z\",\"finishedAt\":\"2026-11-23T18:"
                        "52:25.007Z\",\"restarts\":4}]}");
    report_done(&report);
    model_done(&model);
}

static void work_under_way_claims_no_phase(void **state)
{
    Model model;
    Report report = { 0 };

    (void)state;
    model_init(&model, model_desired("\"imagePullPolicy\":\"Always\"", 2));
    report_of(&model, &report);
    assert_null(report.phase);
    assert_string_equal(report.text,
                        "{\"project\":\"web\",\"epoch\":7,\"generation\":2,\"services\":[{\"name\":"
                        "\"app\",\"state\":\"pulling\",\"image\":\"demo:1\"}]}");
    report_done(&report);
    model_done(&model);
}

static void what_nobody_assigned_is_not_reported(void **state)
{
    _cleanup_(desired_unrefp) Desired *desired = desired_leftover("web");
    const Plan plan = { .phase = PHASE_TERMINATED };
    const History history = { 0 };
    Report report = { 0 };

    (void)state;
    report_build(desired, &plan, &history, &report);
    assert_null(report.project);
}

/* ---- the outbox
 * ------------------------------------------------------------------------------------- */

static int wakes;

static void count_wake(void *arg)
{
    (void)arg;
    wakes++;
}

static void put(Outbox *outbox, const char *project, const char *phase, const char *text)
{
    Report report = { .project = mem_strdup(project), .phase = phase, .text = mem_strdup(text) };

    outbox_put(outbox, &report);
}

static size_t waiting(Outbox *outbox)
{
    OutboxBatch batch = { 0 };

    outbox_take(outbox, 100, &batch);
    size_t count = batch.count;
    outbox_batch_done(&batch);
    return count;
}

static void only_the_latest_is_told_and_only_once(void **state)
{
    Outbox *outbox = outbox_new(count_wake, NULL);
    OutboxBatch batch = { 0 };

    (void)state;
    wakes = 0;
    assert_false(outbox_take(outbox, 100, &batch));
    put(outbox, "a", PHASE_FAILED, "one");
    put(outbox, "a", PHASE_RUNNING, "two");
    put(outbox, "b", PHASE_RUNNING, "b");
    put(outbox, "b", PHASE_RUNNING, "b");
    assert_int_equal(wakes, 3);
    assert_true(outbox_take(outbox, 100, &batch));
    assert_int_equal(batch.count, 2);
    assert_string_equal(batch.texts[0], "two");
    put(outbox, "a", PHASE_FAILED, "three"); /* while the batch is under way */
    outbox_delivered(outbox, "a", "two", false);
    outbox_delivered(outbox, "b", "b", false);
    outbox_batch_done(&batch);
    assert_int_equal(waiting(outbox), 1);
    outbox_delivered(outbox, "a", "three", false);
    assert_int_equal(waiting(outbox), 0);
    put(outbox, "a", PHASE_FAILED, "three");
    assert_int_equal(waiting(outbox), 0);
    outbox_free(outbox);
}

static void what_the_other_side_has_wrong_is_told_again_unless_it_refused(void **state)
{
    Outbox *outbox = outbox_new(count_wake, NULL);

    (void)state;
    put(outbox, "a", PHASE_RUNNING, "one");
    outbox_delivered(outbox, "a", "one", false);
    outbox_correct(outbox, "a", PHASE_RUNNING);
    assert_int_equal(waiting(outbox), 0);
    outbox_correct(outbox, "a", PHASE_FAILED);
    assert_int_equal(waiting(outbox), 1);
    outbox_delivered(outbox, "a", "one", true);
    outbox_correct(outbox, "a", PHASE_FAILED);
    assert_int_equal(waiting(outbox), 0);
    outbox_forget_all(outbox);
    assert_int_equal(waiting(outbox), 1);
    outbox_drop(outbox, "a");
    assert_int_equal(waiting(outbox), 0);
    outbox_free(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inspect_answer_becomes_a_container),
        cmocka_unit_test(an_empty_answer_is_survived),
        cmocka_unit_test(a_crash_is_told_with_all_that_is_known),
        cmocka_unit_test(work_under_way_claims_no_phase),
        cmocka_unit_test(what_nobody_assigned_is_not_reported),
        cmocka_unit_test(only_the_latest_is_told_and_only_once),
        cmocka_unit_test(what_the_other_side_has_wrong_is_told_again_unless_it_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
