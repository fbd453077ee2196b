#include "plan_model.h"

#include "cara/buf.h"
#include "cara/names.h"

#include <stdio.h>
#include <string.h>

#define HEALTH_AFTER_MS 500
#define ROUNDS_MAX      60

Desired *model_desired(const char *service_members, int generation)
{
    _cleanup_(mem_freep) char *text = mem_printf(
        "{\"project\":\"web\",\"uid\":\"u1\",\"epoch\":7,\"generation\":%d,\"desired\":\"Running\","
        "\"phase\":\"Scheduled\",\"spec\":{\"services\":[{\"name\":\"app\",\"image\":\"demo:1\"%s%"
        "s}],"
        "\"volumes\":[{\"name\":\"data\",\"type\":\"Ephemeral\"}]}}",
        generation, service_members[0] != '\0' ? "," : "", service_members);
    Err err = { 0 };
    json_t *item = json_loads(text, 0, NULL);
    Desired *desired = desired_parse(item, &err);

    json_decref(item);
    return desired;
}

void model_init(Model *model, Desired *desired)
{
    *model = (Model){ .desired = desired, .now_ms = 1000000000 };
    model->observed.containers = mem_alloc(MODEL_MAX * sizeof(Container));
    model->observed.volumes = mem_alloc(MODEL_MAX * sizeof(Volume));
}

void model_done(Model *model)
{
    observed_done(&model->observed);
    history_done(&model->history);
    desired_unref(model->desired);
}

Container *model_add(Model *model, const char *name, const char *config, const char *uid,
                     ContainerState state)
{
    Container *container = &model->observed.containers[model->observed.container_count++];
    bool ran = state != CONTAINER_CREATED;

    *container = (Container){
        .id = mem_printf("id%d", ++model->created),
        .name = mem_strdup(name),
        .service = mem_strdup("app"),
        .uid = mem_strdup(uid),
        .config = mem_strdup(config),
        .image = mem_strdup("demo:1"),
        .digest = mem_strdup(""),
        .ip = mem_strdup(""),
        .error = mem_strdup(""),
        .state = state,
        .created_ms = model->now_ms - 70000,
        .started_ms = ran ? model->now_ms - 60000 : 0,
        .finished_ms =
            state == CONTAINER_EXITED || state == CONTAINER_DEAD ? model->now_ms - 30000 : 0,
    };
    return container;
}

static Container *find_name(Model *model, const char *name)
{
    for (size_t i = 0; i < model->observed.container_count; i++)
        if (strcmp(model->observed.containers[i].name, name) == 0)
            return &model->observed.containers[i];
    return NULL;
}

static Container *find_id(Model *model, const char *id)
{
    for (size_t i = 0; i < model->observed.container_count; i++)
        if (strcmp(model->observed.containers[i].id, id) == 0)
            return &model->observed.containers[i];
    return NULL;
}

static bool is_up(const Container *container)
{
    return container->state == CONTAINER_RUNNING || container->state == CONTAINER_PAUSED;
}

static int count_up(const Model *model)
{
    int up = 0;

    for (size_t i = 0; i < model->observed.container_count; i++)
        up += is_up(&model->observed.containers[i]);
    return up;
}

static void free_container(Container *container)
{
    Observed one = { .containers = mem_alloc(sizeof(Container)), .container_count = 1 };

    one.containers[0] = *container;
    observed_done(&one);
}

static void drop(Model *model, Container *container)
{
    free_container(container);
    *container = model->observed.containers[--model->observed.container_count];
}

static int refuse(Model *model, const Step *step, const char *reason)
{
    Failure *failure =
        step->service != NULL && !model->desired->removed
            ? &history_service(&model->history, step->service->name, step->service->config)->failure
            : &model->history.failure;

    model->refused++;
    failure_record(failure, reason, "refused by the model", model->now_ms);
    return -1;
}

static const char *final_name(bool next)
{
    return next ? "web-app" NEXT_SUFFIX : "web-app";
}

static int create(Model *model, const Step *step)
{
    ServiceHistory *history =
        history_service(&model->history, step->service->name, step->service->config);

    if (find_name(model, final_name(step->next)) != NULL)
        return refuse(model, step, REASON_RECONCILE_ERROR);
    if (model->image_missing) {
        history->pull = IMAGE_MISSING;
        return step->service->pull == PULL_NEVER ? refuse(model, step, REASON_IMAGE_PULL_ERROR)
                                                 : -1;
    }
    history->pull = IMAGE_UNKNOWN;
    model_add(model, final_name(step->next), step->service->config, model->desired->uid,
              CONTAINER_CREATED)
        ->created_ms = model->now_ms;
    return 0;
}

static void end(Model *model, Container *container, int code)
{
    container->state = CONTAINER_EXITED;
    container->exit_code = code;
    container->finished_ms = model->now_ms;
}

static int start(Model *model, const Step *step)
{
    Container *container = step->container != NULL ? find_id(model, step->container->id)
                                                   : find_name(model, final_name(step->next));
    bool wanted = container != NULL && strcmp(container->config, step->service->config) == 0;

    if (container == NULL || !model->observed.has_network)
        return refuse(model, step, REASON_RECONCILE_ERROR);
    if (is_up(container))
        return 0;
    if (step->restart) {
        ServiceHistory *history =
            history_service(&model->history, step->service->name, step->service->config);
        history->crashes++;
        history->restarts++;
    }
    Behaviour behaviour = wanted ? model->wanted : model->earlier;
    container->started_ms = model->now_ms;
    container->state = CONTAINER_RUNNING;
    container->health = step->service->has_health ? HEALTH_STARTING : HEALTH_NONE;
    if (behaviour == REFUSED) {
        container->state = CONTAINER_CREATED;
        container->started_ms = 0;
        free(container->error);
        container->error = mem_strdup("no such command");
        return refuse(model, step, REASON_RECONCILE_ERROR);
    }
    if (count_up(model) > model->max_up)
        model->max_up = count_up(model);
    if (behaviour == CRASHES || behaviour == ENDS)
        end(model, container, behaviour == CRASHES ? 1 : 0);
    return 0;
}

static int with_container(Model *model, const Step *step)
{
    Container *container = find_id(model, step->container->id);

    if (container == NULL)
        return step->kind == STEP_RENAME ? refuse(model, step, REASON_RECONCILE_ERROR) : 0;
    if (step->kind == STEP_REMOVE_CONTAINER) {
        drop(model, container);
    } else if (step->kind == STEP_STOP) {
        end(model, container, 137);
    } else {
        if (find_name(model, "web-app") != NULL)
            return refuse(model, step, REASON_RECONCILE_ERROR);
        free(container->name);
        container->name = mem_strdup("web-app");
    }
    return 0;
}

static int with_volume(Model *model, const Step *step)
{
    Observed *observed = &model->observed;

    if (step->kind == STEP_CREATE_VOLUME) {
        observed->volumes[observed->volume_count++] =
            (Volume){ .name = mem_printf("cara-web-%s", step->create->name),
                      .uid = mem_strdup(model->desired->uid),
                      .lasting = step->create->lasting };
        return 0;
    }
    for (size_t i = 0; i < observed->volume_count; i++) {
        if (strcmp(observed->volumes[i].name, step->volume) != 0)
            continue;
        free(observed->volumes[i].name);
        free(observed->volumes[i].uid);
        observed->volumes[i] = observed->volumes[--observed->volume_count];
        break;
    }
    return 0;
}

static int with_network(Model *model, const Step *step)
{
    Observed *observed = &model->observed;

    if (step->kind == STEP_REMOVE_NETWORK && count_up(model) > 0)
        return refuse(model, step, REASON_RECONCILE_ERROR); /* it has active endpoints */
    if (step->kind == STEP_CREATE_NETWORK && observed->has_network)
        return refuse(model, step, REASON_RECONCILE_ERROR);
    observed->has_network = step->kind == STEP_CREATE_NETWORK;
    return 0;
}

static int pull(Model *model, const Step *step)
{
    model->image_missing = false;
    history_service(&model->history, step->service->name, step->service->config)->pull =
        IMAGE_PULLED;
    return 0;
}

int model_do(Model *model, const Step *step)
{
    int before = count_up(model);
    int rc = 0;

    switch (step->kind) {
    case STEP_CREATE_NETWORK:
    case STEP_REMOVE_NETWORK:
        rc = with_network(model, step);
        break;
    case STEP_CREATE_VOLUME:
    case STEP_REMOVE_VOLUME:
        rc = with_volume(model, step);
        break;
    case STEP_PULL:
        rc = pull(model, step);
        break;
    case STEP_CREATE:
        rc = create(model, step);
        break;
    case STEP_START:
        rc = start(model, step);
        break;
    default:
        rc = with_container(model, step);
    }
    if (before > 0 && count_up(model) == 0)
        model->gap = true;
    return rc;
}

/* The steps point into the observed model, which doing them changes: so they are done on a plan
 * made from a copy. */
static Observed copy(const Observed *from)
{
    Observed out = { .has_network = from->has_network };

    out.containers = mem_alloc(MODEL_MAX * sizeof(Container));
    out.volumes = mem_alloc(MODEL_MAX * sizeof(Volume));
    for (size_t i = 0; i < from->container_count; i++) {
        Container *to = &out.containers[out.container_count++];
        *to = from->containers[i];
        to->id = mem_strdup(to->id);
        to->name = mem_strdup(to->name);
        to->service = mem_strdup(to->service);
        to->uid = mem_strdup(to->uid);
        to->config = mem_strdup(to->config);
        to->image = mem_strdup(to->image);
        to->digest = mem_strdup(to->digest);
        to->ip = mem_strdup(to->ip);
        to->error = mem_strdup(to->error);
    }
    for (size_t i = 0; i < from->volume_count; i++)
        out.volumes[out.volume_count++] = (Volume){ .name = mem_strdup(from->volumes[i].name),
                                                    .uid = mem_strdup(from->volumes[i].uid),
                                                    .lasting = from->volumes[i].lasting };
    return out;
}

size_t model_round(Model *model, int count)
{
    _cleanup_(observed_done) Observed seen = copy(&model->observed);
    _cleanup_(plan_done) Plan plan = { 0 };

    plan_make(model->desired, &seen, &model->history, model->now_ms, &plan);
    for (size_t i = 0; i < plan.step_count && (count < 0 || i < (size_t)count); i++)
        if (model_do(model, &plan.steps[i]) < 0)
            break;
    return plan.step_count;
}

/* Time passes: health checks come to a result, removals under way end. */
static void pass_time(Model *model, int64_t ms)
{
    model->now_ms += ms;
    for (size_t i = model->observed.container_count;
         i-- > 0;) { /* backwards, as some are dropped */
        Container *container = &model->observed.containers[i];
        bool wanted = strcmp(container->config, model->desired->services[0].config) == 0;
        Behaviour behaviour = wanted ? model->wanted : model->earlier;
        if (is_up(container) && model->desired->services[0].has_health)
            container->health = behaviour == NEVER_HEALTHY ? HEALTH_UNHEALTHY : HEALTH_HEALTHY;
        if (container->state == CONTAINER_RESTARTING)
            container->state = CONTAINER_RUNNING;
        if (container->state == CONTAINER_REMOVING)
            drop(model, container);
    }
}

bool model_settle(Model *model)
{
    int quiet = 0;

    for (int i = 0; i < ROUNDS_MAX && quiet < 3; i++) {
        if (model_round(model, -1) == 0)
            quiet++;
        else
            quiet = 0;
        pass_time(model, quiet > 0 ? UPDATE_SETTLE_MS : HEALTH_AFTER_MS);
    }
    return quiet >= 3;
}

const char *model_phase_told(Model *model)
{
    for (int i = 0; i < ROUNDS_MAX; i++) {
        _cleanup_(plan_done) Plan plan = { 0 };
        plan_make(model->desired, &model->observed, &model->history, model->now_ms, &plan);
        if (plan.step_count == 0 && plan.phase != NULL)
            return plan.reason;
        if (model_round(model, -1) == 0)
            pass_time(model, HEALTH_AFTER_MS);
    }
    return NULL;
}

char *model_steps(const Model *model)
{
    _cleanup_(plan_done) Plan plan = { 0 };
    Buf out;

    buf_init(&out, 4096);
    plan_make(model->desired, &model->observed, &model->history, model->now_ms, &plan);
    for (size_t i = 0; i < plan.step_count; i++) {
        const Step *step = &plan.steps[i];
        buf_printf(&out, "%s%s", i > 0 ? ", " : "", step_kind_word(step->kind));
        if (step->container != NULL)
            buf_printf(&out, " %s", step->container->name);
        else if (step->kind == STEP_CREATE || step->kind == STEP_START)
            buf_printf(&out, " %s", final_name(step->next));
        if (step->volume != NULL)
            buf_printf(&out, " %s", step->volume);
        if (step->create != NULL)
            buf_printf(&out, " %s", step->create->name);
        if (step->restart)
            buf_add_str(&out, " again");
    }
    return buf_take(&out);
}
