/* The plan: tables of before and after for what a person would name, then every combination there
 * is against what must always hold. */
#include "cara/names.h"
#include "plan_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define OTHER  "0000000000000000" /* a config that is not the wanted one */
#define MOUNT  "\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/d\"}]"
#define PORT   "\"ports\":[{\"containerPort\":80,\"hostPort\":80}]"
#define HEALTH "\"healthcheck\":{\"test\":[\"true\"]}"

/* ---- one container a service
 * ------------------------------------------------------------------------- */

typedef struct Case {
    const char *name;
    const char *service; /* members of the spec */
    /* the container that is there; state -1: none */
    int state;
    int exit_code;
    HealthState health;
    int ended_s_ago;
    int crashes;
    /* what follows */
    const char *steps;
    const char *phase; /* NULL: none claimed */
    const char *reason;
} Case;

#define NONE (-1)

static const Case single_cases[] = {
    { "nothing there", "", NONE, 0, 0, 0, 0, "create container web-app, start container web-app",
      NULL, NULL },
    { "created, not started", "", CONTAINER_CREATED, 0, 0, 0, 0, "start container web-app", NULL,
      NULL },
    { "running", "", CONTAINER_RUNNING, 0, 0, 0, 0, "", PHASE_RUNNING, REASON_CONTAINERS_RUNNING },
    { "paused by hand", "", CONTAINER_PAUSED, 0, 0, 0, 0, "", PHASE_RUNNING,
      REASON_CONTAINERS_RUNNING },
    { "restarting by itself", "", CONTAINER_RESTARTING, 0, 0, 0, 0, "", NULL, NULL },
    { "on its way out", "", CONTAINER_REMOVING, 0, 0, 0, 0, "", NULL, NULL },
    { "dead", "", CONTAINER_DEAD, 0, 0, 0, 0, "remove container web-app", NULL, NULL },
    { "crashed just now", "", CONTAINER_EXITED, 1, 0, 0, 0, "", PHASE_FAILED,
      REASON_CONTAINER_CRASHED },
    { "crashed 2 s ago", "", CONTAINER_EXITED, 1, 0, 2, 0, "start container web-app again", NULL,
      NULL },
    { "crashed 2 s ago for the third time", "", CONTAINER_EXITED, 1, 0, 2, 2, "", PHASE_FAILED,
      REASON_CONTAINER_CRASHED },
    { "crashed 5 s ago for the third time", "", CONTAINER_EXITED, 1, 0, 5, 2,
      "start container web-app again", NULL, NULL },
    { "crashed 299 s ago for the 20th time", "", CONTAINER_EXITED, 1, 0, 299, 20, "", PHASE_FAILED,
      REASON_CONTAINER_CRASHED },
    { "crashed 301 s ago for the 20th time", "", CONTAINER_EXITED, 1, 0, 301, 20,
      "start container web-app again", NULL, NULL },
    { "ended, Always", "", CONTAINER_EXITED, 0, 0, 0, 0, "", PHASE_FAILED,
      REASON_CONTAINER_EXITED },
    { "ended 2 s ago, Always", "", CONTAINER_EXITED, 0, 0, 2, 0, "start container web-app again",
      NULL, NULL },
    { "ended, OnFailure", "\"restartPolicy\":\"OnFailure\"", CONTAINER_EXITED, 0, 0, 2, 0, "",
      PHASE_RUNNING, REASON_COMPLETED },
    { "crashed, OnFailure", "\"restartPolicy\":\"OnFailure\"", CONTAINER_EXITED, 1, 0, 2, 0,
      "start container web-app again", NULL, NULL },
    { "ended, Never", "\"restartPolicy\":\"Never\"", CONTAINER_EXITED, 0, 0, 900, 0, "",
      PHASE_RUNNING, REASON_COMPLETED },
    { "crashed, Never", "\"restartPolicy\":\"Never\"", CONTAINER_EXITED, 3, 0, 900, 0, "",
      PHASE_FAILED, REASON_CONTAINER_CRASHED },
    { "health not known yet", HEALTH, CONTAINER_RUNNING, 0, HEALTH_STARTING, 0, 0, "", NULL, NULL },
    { "healthy", HEALTH, CONTAINER_RUNNING, 0, HEALTH_HEALTHY, 0, 0, "", PHASE_RUNNING,
      REASON_CONTAINERS_RUNNING },
    { "unhealthy", HEALTH, CONTAINER_RUNNING, 0, HEALTH_UNHEALTHY, 0, 0, "", PHASE_FAILED,
      REASON_UNHEALTHY },
};

static void with_ground(Model *model)
{
    model->observed.has_network = true;
    model->observed.volumes[model->observed.volume_count++] =
        (Volume){ .name = mem_strdup("cara-web-data"), .uid = mem_strdup("u1") };
}

static void check_phase(const Model *model, const char *name, const char *phase, const char *reason)
{
    _cleanup_(plan_done) Plan plan = { 0 };

    plan_make(model->desired, &model->observed, &model->history, model->now_ms, &plan);
    if ((plan.phase == NULL) != (phase == NULL) ||
        (phase != NULL && (strcmp(plan.phase, phase) != 0 || strcmp(plan.reason, reason) != 0)))
        fail_msg("%s: said %s %s, not %s %s", name, plan.phase, plan.reason, phase, reason);
}

static void check_steps(const Model *model, const char *name, const char *want)
{
    _cleanup_(mem_freep) char *steps = model_steps(model);

    if (strcmp(steps, want) != 0)
        fail_msg("%s: planned \"%s\", not \"%s\"", name, steps, want);
}

static void run_single(const Case *c)
{
    Model model;

    model_init(&model, model_desired(c->service, 1));
    with_ground(&model);
    const DesiredService *service = &model.desired->services[0];
    if (c->state != NONE) {
        Container *container =
            model_add(&model, "web-app", service->config, "u1", (ContainerState)c->state);
        container->exit_code = c->exit_code;
        container->health = c->health;
        container->finished_ms =
            c->state == CONTAINER_EXITED ? model.now_ms - c->ended_s_ago * 1000 : 0;
        container->started_ms = container->finished_ms - 10;
    }
    history_service(&model.history, "app", service->config)->crashes = c->crashes;
    check_steps(&model, c->name, c->steps);
    check_phase(&model, c->name, c->phase, c->reason);
    model_done(&model);
}

static void a_service_goes_where_its_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(single_cases); i++)
        run_single(&single_cases[i]);
}

/* ---- two containers: an update
 * --------------------------------------------------------------------------- */

typedef struct UpdateCase {
    const char *name;
    const char *service;
    int old_state;
    int new_state;
    HealthState new_health;
    int new_age_s; /* since it started */
    const char *steps;
    const char *phase;
    const char *reason;
} UpdateCase;

static const UpdateCase update_cases[] = {
    { "the new one is made beside the old", "", CONTAINER_RUNNING, NONE, 0, 0,
      "create container web-app-next_, start container web-app-next_", NULL, NULL },
    { "with volumes the old one makes way", MOUNT, CONTAINER_RUNNING, NONE, 0, 0,
      "create container web-app-next_, stop container web-app, start container web-app-next_", NULL,
      NULL },
    { "with a host port too", PORT, CONTAINER_RUNNING, NONE, 0, 0,
      "create container web-app-next_, stop container web-app, start container web-app-next_", NULL,
      NULL },
    { "the new one was made", "", CONTAINER_RUNNING, CONTAINER_CREATED, 0, 0,
      "start container web-app-next_", NULL, NULL },
    { "the new one was made, with volumes", MOUNT, CONTAINER_RUNNING, CONTAINER_CREATED, 0, 0,
      "stop container web-app, start container web-app-next_", NULL, NULL },
    { "the new one has just started", "", CONTAINER_RUNNING, CONTAINER_RUNNING, 0, 1, "", NULL,
      NULL },
    { "the new one stays up", "", CONTAINER_RUNNING, CONTAINER_RUNNING, 0, 3,
      "remove container web-app, rename container web-app-next_", NULL, NULL },
    { "health not known yet", HEALTH, CONTAINER_RUNNING, CONTAINER_RUNNING, HEALTH_STARTING, 60, "",
      NULL, NULL },
    { "healthy", HEALTH, CONTAINER_RUNNING, CONTAINER_RUNNING, HEALTH_HEALTHY, 0,
      "remove container web-app, rename container web-app-next_", NULL, NULL },
    { "unhealthy", HEALTH, CONTAINER_RUNNING, CONTAINER_RUNNING, HEALTH_UNHEALTHY, 60,
      "stop container web-app-next_", NULL, NULL },
    { "the new one crashed", "", CONTAINER_RUNNING, CONTAINER_EXITED, 0, 0, "", PHASE_RUNNING,
      REASON_UPDATE_FAILED },
    { "the new one crashed a while ago: again", "", CONTAINER_RUNNING, CONTAINER_EXITED, 0, 30,
      "start container web-app-next_ again", PHASE_RUNNING, REASON_UPDATE_FAILED },
    { "the new one crashed, with volumes: rest", MOUNT, CONTAINER_RUNNING, CONTAINER_EXITED, 0, 30,
      "", PHASE_RUNNING, REASON_UPDATE_FAILED },
    { "the new one crashed, with volumes: roll back", MOUNT, CONTAINER_EXITED, CONTAINER_EXITED, 0,
      0, "start container web-app", NULL, NULL },
    { "the old one is dead and buried", "", CONTAINER_DEAD, NONE, 0, 0,
      "remove container web-app, create container web-app, start container web-app", NULL, NULL },
    { "the new one is dead", "", CONTAINER_RUNNING, CONTAINER_DEAD, 0, 0,
      "remove container web-app-next_", NULL, NULL },
};

static void run_update(const UpdateCase *c)
{
    Model model;

    model_init(&model, model_desired(c->service, 2));
    with_ground(&model);
    Container *old = model_add(&model, "web-app", OTHER, "u1", (ContainerState)c->old_state);
    if (c->new_state != NONE) {
        Container *current =
            model_add(&model, "web-app" NEXT_SUFFIX, model.desired->services[0].config, "u1",
                      (ContainerState)c->new_state);
        current->health = c->new_health;
        current->exit_code = 1;
        current->created_ms = model.now_ms - c->new_age_s * 1000 - 20;
        if (c->new_state != CONTAINER_CREATED)
            current->started_ms = model.now_ms - c->new_age_s * 1000;
        current->finished_ms = c->new_state == CONTAINER_EXITED ? current->started_ms + 10 : 0;
        if (old->state == CONTAINER_EXITED) /* by us, before the new one started */
            old->finished_ms = current->started_ms - 10;
    }
    check_steps(&model, c->name, c->steps);
    check_phase(&model, c->name, c->phase, c->reason);
    model_done(&model);
}

static void an_update_goes_where_its_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(update_cases); i++)
        run_update(&update_cases[i]);
}

/* ---- the ground, and what must go
 * ------------------------------------------------------------------------ */

static void first_start_makes_ground_then_container(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 1));
    check_steps(&model, "first",
                "create network, create volume data, create container web-app, "
                "start container web-app");
    model_done(&model);
}

static void what_a_deleted_namesake_left_goes_first(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 1));
    with_ground(&model);
    free(model.observed.volumes[0].uid);
    model.observed.volumes[0].uid = mem_strdup("u0");
    model_add(&model, "web-app", model.desired->services[0].config, "u0", CONTAINER_RUNNING);
    check_steps(&model, "namesake",
                "remove container web-app, remove volume cara-web-data, create volume data, create "
                "container web-app, start container web-app");
    model_done(&model);
}

static void a_newer_epoch_leaves_containers_alone(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 1));
    with_ground(&model);
    model_add(&model, "web-app", model.desired->services[0].config, "u1", CONTAINER_RUNNING);
    model.desired->epoch = 99;
    model.desired->generation = 99;
    check_steps(&model, "newer epoch", "");
    check_phase(&model, "newer epoch", PHASE_RUNNING, REASON_CONTAINERS_RUNNING);
    model_done(&model);
}

static void a_service_that_was_dropped_goes(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 1));
    with_ground(&model);
    model_add(&model, "web-app", model.desired->services[0].config, "u1", CONTAINER_RUNNING);
    Container *gone = model_add(&model, "web-gone", OTHER, "u1", CONTAINER_RUNNING);
    free(gone->service);
    gone->service = mem_strdup("gone");
    check_steps(&model, "dropped", "remove container web-gone");
    model_done(&model);
}

static void a_volume_that_was_dropped_goes_last(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 1));
    with_ground(&model);
    model.observed.volumes[model.observed.volume_count++] =
        (Volume){ .name = mem_strdup("cara-web-old"), .uid = mem_strdup("u1") };
    Container *container = model_add(&model, "web-app", OTHER, "u1", CONTAINER_RUNNING);
    check_steps(&model, "while the old one may use it",
                "create container web-app-next_, start container web-app-next_");
    free(container->config);
    container->config = mem_strdup(model.desired->services[0].config);
    check_steps(&model, "when all is done", "remove volume cara-web-old");
    model_done(&model);
}

static void a_removed_project_leaves_nothing(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 1));
    with_ground(&model);
    model.desired->removed = true;
    model_add(&model, "web-app", OTHER, "u1", CONTAINER_RUNNING);
    model_add(&model, "web-app" NEXT_SUFFIX, OTHER, "u0", CONTAINER_EXITED);
    check_steps(&model, "removed",
                "remove container web-app, remove container web-app-next_, remove network, "
                "remove volume cara-web-data");
    assert_true(model_settle(&model));
    check_phase(&model, "removed", PHASE_TERMINATED, REASON_RESOURCES_REMOVED);
    model_done(&model);
}

/* ---- data that lasts
 * ------------------------------------------------------------------------------------ */

static void with_lasting(Model *model, bool labelled)
{
    with_ground(model);
    model->observed.volumes[0].lasting = labelled;
    model->desired->volumes[0].lasting = true;
}

static void lasting_data_stays_when_its_project_moves_away(void **state)
{
    (void)state;
    for (int labelled = 0; labelled < 2; labelled++) {
        Model model;
        model_init(&model, model_desired("", 1));
        with_lasting(&model, labelled == 1);
        model.desired->removed = true;
        model_add(&model, "web-app", OTHER, "u1", CONTAINER_RUNNING);
        check_steps(&model, "moved", "remove container web-app, remove network");
        assert_true(model_settle(&model));
        assert_int_equal(model.observed.volume_count, 1);
        check_phase(&model, "moved", PHASE_TERMINATED, REASON_RESOURCES_REMOVED);
        model_done(&model);
    }
}

static void lasting_data_goes_with_its_project(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 1));
    with_lasting(&model, true);
    model.desired->removed = true;
    model.desired->deleted = true;
    check_steps(&model, "deleted", "remove network, remove volume cara-web-data");
    model_done(&model);
}

static void lasting_data_outlives_its_line_in_the_spec(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 1));
    with_lasting(&model, true);
    model.observed.volumes[model.observed.volume_count++] =
        (Volume){ .name = mem_strdup("cara-web-old"), .uid = mem_strdup("u1"), .lasting = true };
    model_add(&model, "web-app", model.desired->services[0].config, "u1", CONTAINER_RUNNING);
    check_steps(&model, "dropped from the spec", "");
    model.desired->volumes[0].lasting = false; /* Ephemeral by now: what was there still lasts */
    model.desired->removed = true;
    check_steps(&model, "made Ephemeral", "remove container web-app, remove network");
    model_done(&model);
}

static void lasting_data_of_a_leftover_stays_and_of_a_namesake_goes(void **state)
{
    Model model;

    (void)state;
    model_init(&model, desired_leftover("web"));
    with_ground(&model);
    model.observed.volumes[0].lasting = true;
    model_add(&model, "web-app", OTHER, "u1", CONTAINER_RUNNING);
    check_steps(&model, "leftover", "remove container web-app, remove network");
    model_done(&model);
    model_init(&model, model_desired("", 1));
    with_lasting(&model, true);
    free(model.observed.volumes[0].uid);
    model.observed.volumes[0].uid = mem_strdup("u0");
    check_steps(&model, "namesake",
                "remove volume cara-web-data, create volume data, create container web-app, start "
                "container web-app");
    model_done(&model);
}

static void a_removal_that_is_refused_rests_and_says_so(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 1));
    with_ground(&model);
    model.desired->removed = true;
    failure_record(&model.history.failure, REASON_REMOVE_ERROR, "volume is in use", model.now_ms);
    check_steps(&model, "rests", "");
    check_phase(&model, "rests", PHASE_TERMINATING, REASON_REMOVE_ERROR);
    model.now_ms += BACKOFF_FIRST_MS;
    check_steps(&model, "tries again", "remove network, remove volume cara-web-data");
    model_done(&model);
}

/* ---- images
 * -------------------------------------------------------------------------------------------- */

static void images_are_pulled_as_the_policy_says(void **state)
{
    static const struct {
        const char *policy;
        PullState pull;
        const char *steps;
    } cases[] = {
        { "", IMAGE_UNKNOWN, "create container web-app, start container web-app" },
        { "", IMAGE_MISSING, "pull image" },
        { "", IMAGE_PULLING, "" },
        { "", IMAGE_PULLED, "create container web-app, start container web-app" },
        { "\"imagePullPolicy\":\"Always\"", IMAGE_UNKNOWN, "pull image" },
        { "\"imagePullPolicy\":\"Always\"", IMAGE_PULLING, "" },
        { "\"imagePullPolicy\":\"Always\"", IMAGE_PULLED,
          "create container web-app, start container web-app" },
        { "\"imagePullPolicy\":\"Never\"", IMAGE_UNKNOWN,
          "create container web-app, start container web-app" },
        { "\"imagePullPolicy\":\"Never\"", IMAGE_MISSING,
          "create container web-app, start container web-app" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Model model;
        model_init(&model, model_desired(cases[i].policy, 1));
        with_ground(&model);
        history_service(&model.history, "app", model.desired->services[0].config)->pull =
            cases[i].pull;
        check_steps(&model, cases[i].policy, cases[i].steps);
        check_phase(&model, cases[i].policy, NULL, NULL);
        model_done(&model);
    }
}

static void a_failed_pull_rests_and_says_why(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 1));
    with_ground(&model);
    ServiceHistory *history =
        history_service(&model.history, "app", model.desired->services[0].config);
    failure_record(&history->failure, REASON_IMAGE_PULL_ERROR, "manifest unknown", model.now_ms);
    check_steps(&model, "rests", "");
    check_phase(&model, "rests", PHASE_FAILED, REASON_IMAGE_PULL_ERROR);
    model.now_ms += BACKOFF_FIRST_MS;
    check_steps(&model, "again", "create container web-app, start container web-app");
    /* another config has nothing to do with it */
    history_service(&model.history, "app", OTHER);
    model.now_ms -= BACKOFF_FIRST_MS;
    check_steps(&model, "another config", "create container web-app, start container web-app");
    model_done(&model);
}

static void a_failed_pull_of_an_update_leaves_the_old_one(void **state)
{
    Model model;

    (void)state;
    model_init(&model, model_desired("", 2));
    with_ground(&model);
    model_add(&model, "web-app", OTHER, "u1", CONTAINER_RUNNING);
    ServiceHistory *history =
        history_service(&model.history, "app", model.desired->services[0].config);
    failure_record(&history->failure, REASON_IMAGE_PULL_ERROR, "manifest unknown", model.now_ms);
    check_steps(&model, "rests", "");
    check_phase(&model, "rests", PHASE_RUNNING, REASON_UPDATE_FAILED);
    model_done(&model);
}

/* ---- every combination
 * ------------------------------------------------------------------------------------ */

/* A container that may be there: all it can be, in one number. */
enum { SLOT_HEALTHS = 4, SLOT_EXITS = 2 };

typedef struct Setting {
    const char *service;
    bool mounts;
    bool health;
    Behaviour wanted;
    Behaviour earlier;
    bool image_missing;
    int network; /* 0 none, 1 ours, 2 what a namesake left, containers too */
} Setting;

/* slot: state (0 none) and, where they make a difference, health or exit code */
static int slot_count(void)
{
    return 1 + 5 + SLOT_HEALTHS + SLOT_EXITS; /* none, five plain states, running, exited */
}

static void add_slot(Model *model, int slot, const char *name, const char *config, const char *uid)
{
    static const ContainerState plain[] = { CONTAINER_CREATED, CONTAINER_PAUSED,
                                            CONTAINER_RESTARTING, CONTAINER_REMOVING,
                                            CONTAINER_DEAD };

    if (slot == 0)
        return;
    if (slot <= 5) {
        model_add(model, name, config, uid, plain[slot - 1]);
    } else if (slot < 6 + SLOT_HEALTHS) {
        model_add(model, name, config, uid, CONTAINER_RUNNING)->health = (HealthState)(slot - 6);
    } else {
        model_add(model, name, config, uid, CONTAINER_EXITED)->exit_code = slot - 6 - SLOT_HEALTHS;
    }
}

static void build(Model *model, const Setting *setting, int final, int next, bool swapped,
                  const char *uid)
{
    model_init(model, model_desired(setting->service, 2));
    model->wanted = setting->wanted;
    model->earlier = setting->earlier;
    model->image_missing = setting->image_missing;
    model->observed.has_network = setting->network > 0;
    const char *wanted = model->desired->services[0].config;
    add_slot(model, final, "web-app", swapped ? wanted : OTHER, uid);
    add_slot(model, next, "web-app" NEXT_SUFFIX, swapped ? OTHER : wanted, uid);
}

static const Container *only_container(const Model *model)
{
    return model->observed.container_count == 1 ? &model->observed.containers[0] : NULL;
}

static bool has_ended(const Model *model, const char *config)
{
    for (size_t i = 0; i < model->observed.container_count; i++)
        if (strcmp(model->observed.containers[i].config, config) == 0)
            return model->observed.containers[i].state == CONTAINER_EXITED;
    return false;
}

/* What must be so when everything has come to rest. */
static void check_rest(const Model *model, const Setting *setting, const char *what)
{
    _cleanup_(plan_done) Plan plan = { 0 };
    const DesiredService *service = &model->desired->services[0];

    plan_make(model->desired, &model->observed, &model->history, model->now_ms, &plan);
    /* what failed once with volumes rests until a new generation asks for another try */
    bool rests = service->exclusive && has_ended(model, service->config);
    if (setting->wanted == RUNS && !rests) {
        const Container *only = only_container(model);
        if (only == NULL || strcmp(only->name, "web-app") != 0 ||
            strcmp(only->config, service->config) != 0)
            fail_msg("%s: rests with %zu containers, not the wanted one alone", what,
                     model->observed.container_count);
        else if (only->state == CONTAINER_RUNNING &&
                 (plan.phase == NULL || strcmp(plan.phase, PHASE_RUNNING) != 0))
            fail_msg("%s: rests running, but says %s", what, plan.phase);
    }
    if (service->exclusive && model->max_up > 1)
        fail_msg("%s: two containers had the volumes at once", what);
}

static void settle(Model *model, const Setting *setting, const char *what)
{
    if (!model_settle(model)) {
        _cleanup_(mem_freep) char *steps = model_steps(model);
        fail_msg("%s: never comes to rest; next: %s", what, steps);
    }
    check_rest(model, setting, what);
}

/* As it is, and cut short after every number of steps, as when the agent is killed there. */
static void run_combination(const Setting *setting, int final, int next, bool swapped,
                            const char *uid)
{
    char what[160];
    Model model;
    size_t steps = 0;

    snprintf(what, sizeof(what),
             "{%s} wanted=%d earlier=%d network=%d final=%d next=%d swapped=%d uid=%s",
             setting->service, setting->wanted, setting->earlier, setting->network, final, next,
             swapped, uid);
    build(&model, setting, final, next, swapped, uid);
    bool up = final > 5 && final < 6 + SLOT_HEALTHS;
    steps = model_round(&model, -1);
    settle(&model, setting, what);
    if (up && strcmp(uid, "u1") == 0 && setting->wanted == RUNS && setting->earlier == RUNS &&
        setting->network == 1 && !setting->mounts && model.gap &&
        only_container(&model)->state == CONTAINER_RUNNING && final != 6 + HEALTH_UNHEALTHY)
        fail_msg("%s: nothing served for a while", what);
    model_done(&model);
    for (size_t cut = 1; cut < steps; cut++) {
        build(&model, setting, final, next, swapped, uid);
        model_round(&model, (int)cut);
        /* a crash forgets */
        history_done(&model.history);
        settle(&model, setting, what);
        model_done(&model);
    }
}

static const struct {
    const char *members;
    bool mounts;
    bool health;
} specs[] = {
    { "", false, false },
    { HEALTH, false, true },
    { MOUNT, true, false },
    { MOUNT "," HEALTH, true, true },
    { "\"restartPolicy\":\"OnFailure\"", false, false },
    { "\"restartPolicy\":\"OnFailure\"," MOUNT, true, false },
    { "\"imagePullPolicy\":\"Always\"", false, false },
};

/* Where nothing ever runs, which network it does not run in makes no difference. */
static int networks(Behaviour wanted)
{
    return wanted == RUNS ? 3 : 1;
}

static void every_combination_comes_to_rest(void **state)
{
    static const Behaviour behaviours[] = { RUNS, CRASHES, ENDS, NEVER_HEALTHY, REFUSED };
    int combinations = 0;

    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(specs); s++)
        for (size_t b = 0; b < ARRAY_LEN(behaviours); b++)
            for (int earlier = 0; earlier < 2; earlier++)
                for (int network = 0; network < networks(behaviours[b]); network++)
                    for (int final = 0; final < slot_count(); final++)
                        for (int next = 0; next < slot_count(); next++)
                            for (int swapped = 0; swapped < 2; swapped++) {
                                const Setting setting = { .service = specs[s].members,
                                                          .mounts = specs[s].mounts,
                                                          .health = specs[s].health,
                                                          .wanted = behaviours[b],
                                                          .earlier = earlier == 0 ? RUNS : CRASHES,
                                                          .image_missing = network == 0,
                                                          .network = network };
                                run_combination(&setting, final, next, swapped,
                                                network == 2 ? "u0" : "u1");
                                combinations++;
                            }
    print_message("%d combinations\n", combinations);
}

/* Whatever happens to a failed update, what ran before it runs after it. */
static void a_failed_update_leaves_the_old_one_running(void **state)
{
    static const Behaviour bad[] = { CRASHES, NEVER_HEALTHY, REFUSED };

    (void)state;
    for (size_t s = 0; s < 4; s++)
        for (size_t b = 0; b < ARRAY_LEN(bad); b++) {
            Model model;
            bool found = false;
            if (bad[b] == NEVER_HEALTHY && !specs[s].health)
                continue;
            model_init(&model, model_desired(specs[s].members, 2));
            with_ground(&model);
            model.wanted = bad[b];
            model_add(&model, "web-app", OTHER, "u1", CONTAINER_RUNNING)->health = HEALTH_HEALTHY;
            assert_true(model_settle(&model));
            for (size_t i = 0; i < model.observed.container_count; i++) {
                const Container *container = &model.observed.containers[i];
                found |=
                    strcmp(container->config, OTHER) == 0 && container->state == CONTAINER_RUNNING;
            }
            assert_true(found);
            assert_true(!model.gap || specs[s].mounts);
            assert_string_equal(model_phase_told(&model), REASON_UPDATE_FAILED);
            model_done(&model);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_goes_where_its_table_says),
        cmocka_unit_test(an_update_goes_where_its_table_says),
        cmocka_unit_test(first_start_makes_ground_then_container),
        cmocka_unit_test(what_a_deleted_namesake_left_goes_first),
        cmocka_unit_test(a_newer_epoch_leaves_containers_alone),
        cmocka_unit_test(a_service_that_was_dropped_goes),
        cmocka_unit_test(a_volume_that_was_dropped_goes_last),
        cmocka_unit_test(a_removed_project_leaves_nothing),
        cmocka_unit_test(lasting_data_stays_when_its_project_moves_away),
        cmocka_unit_test(lasting_data_goes_with_its_project),
        cmocka_unit_test(lasting_data_outlives_its_line_in_the_spec),
        cmocka_unit_test(lasting_data_of_a_leftover_stays_and_of_a_namesake_goes),
        cmocka_unit_test(a_removal_that_is_refused_rests_and_says_so),
        cmocka_unit_test(images_are_pulled_as_the_policy_says),
        cmocka_unit_test(a_failed_pull_rests_and_says_why),
        cmocka_unit_test(a_failed_pull_of_an_update_leaves_the_old_one),
        cmocka_unit_test(every_combination_comes_to_rest),
        cmocka_unit_test(a_failed_update_leaves_the_old_one_running),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
