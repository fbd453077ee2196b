#include "desired.h"

#include "cara/names.h"
#include "cara/time.h"
#include "demand.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MS 1000000

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : "";
}

static int64_t duration_ms(const json_t *object, const char *key, int64_t fallback)
{
    int64_t ms = 0;
    const char *value = text(object, key);

    return value[0] != '\0' && time_parse_duration(value, &ms, NULL) == 0 ? ms : fallback;
}

static RestartPolicy parse_restart(const char *word)
{
    if (strcmp(word, "OnFailure") == 0)
        return RESTART_ON_FAILURE;
    return strcmp(word, "Never") == 0 ? RESTART_NEVER : RESTART_ALWAYS;
}

static PullPolicy parse_pull(const char *word)
{
    if (strcmp(word, "Always") == 0)
        return PULL_ALWAYS;
    return strcmp(word, "Never") == 0 ? PULL_NEVER : PULL_IF_NOT_PRESENT;
}

static json_t *engine_env(const json_t *service)
{
    json_t *out = json_array();
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(service, "env"), i, item) {
        json_array_append_new(out, json_sprintf("%s=%s", text(item, "name"), text(item, "value")));
    }
    return out;
}

static json_t *engine_binds(const json_t *service, const char *project)
{
    json_t *out = json_array();
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(service, "volumeMounts"), i, item) {
        json_array_append_new(out, json_sprintf("cara-%s-%s:%s", project, text(item, "name"),
                                                text(item, "mountPath")));
    }
    return out;
}

/* The engine wants its own words first: CMD, CMD-SHELL or NONE. */
static json_t *engine_health_test(const json_t *test)
{
    const char *first = json_string_value(json_array_get(test, 0));
    bool engine_word =
        first != NULL && (strcmp(first, "CMD") == 0 || strcmp(first, "CMD-SHELL") == 0 ||
                          strcmp(first, "NONE") == 0);
    json_t *out = json_array();

    if (!engine_word)
        json_array_append_new(out, json_string("CMD"));
    json_array_extend(out, (json_t *)(uintptr_t)test);
    return out;
}

static json_t *engine_health(const json_t *check)
{
    static const struct {
        const char *ours;
        const char *engines;
    } times[] = { { "interval", "Interval" },
                  { "timeout", "Timeout" },
                  { "startPeriod", "StartPeriod" } };
    json_t *out = json_object();

    json_object_set_new(out, "Test", engine_health_test(json_object_get(check, "test")));
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        int64_t ms = duration_ms(check, times[i].ours, 0);
        if (ms > 0)
            json_object_set_new(out, times[i].engines, json_integer(ms * NS_PER_MS));
    }
    if (json_integer_value(json_object_get(check, "retries")) > 0)
        json_object_set(out, "Retries", json_object_get(check, "retries"));
    return out;
}

static bool has_items(const json_t *array)
{
    return json_array_size(array) > 0;
}

/* All of the spec that a running container cannot change, as the engine wants it. */
static json_t *engine_body(const json_t *service, const char *project)
{
    json_t *body = json_object();
    json_t *host = json_object();
    json_t *check = json_object_get(service, "healthcheck");

    json_object_set(body, "Image", json_object_get(service, "image"));
    if (has_items(json_object_get(service, "env")))
        json_object_set_new(body, "Env", engine_env(service));
    if (has_items(json_object_get(service, "command")))
        json_object_set(body, "Entrypoint", json_object_get(service, "command"));
    if (has_items(json_object_get(service, "args")))
        json_object_set(body, "Cmd", json_object_get(service, "args"));
    if (has_items(json_object_get(check, "test")))
        json_object_set_new(body, "Healthcheck", engine_health(check));
    if (has_items(json_object_get(service, "volumeMounts")))
        json_object_set_new(host, "Binds", engine_binds(service, project));
    demand_ports(service, body, host);
    json_object_set_new(body, "HostConfig", host);
    return body;
}

static void hash_config(const json_t *engine, char out[static CONFIG_HASH_SIZE])
{
    _cleanup_(mem_freep) char *canonical = json_dumps(engine, JSON_COMPACT | JSON_SORT_KEYS);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;

    EVP_Digest(canonical, strlen(canonical), digest, &len, EVP_sha256(), NULL);
    for (size_t i = 0; i < (CONFIG_HASH_SIZE - 1) / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static bool engine_has_health(const json_t *engine)
{
    const json_t *test = json_object_get(json_object_get(engine, "Healthcheck"), "Test");
    const char *first = json_string_value(json_array_get(test, 0));

    return first != NULL && strcmp(first, "NONE") != 0;
}

static int parse_service(const json_t *item, const char *project, DesiredService *ret, Err *err)
{
    if (text(item, "name")[0] == '\0' || text(item, "image")[0] == '\0')
        return err_set(err, ERR_INVALID, "project \"%s\": a service lacks its name or image",
                       project);
    json_t *engine = engine_body(item, project);
    if (demand_resources(item, json_object_get(engine, "HostConfig"), err) < 0) {
        json_decref(engine);
        return err_prefix(err, "project \"%s\": service \"%s\"", project, text(item, "name"));
    }
    *ret = (DesiredService){
        .name = mem_strdup(text(item, "name")),
        .image = mem_strdup(text(item, "image")),
        .restart = parse_restart(text(item, "restartPolicy")),
        .pull = parse_pull(text(item, "imagePullPolicy")),
        .grace_ms = duration_ms(item, "stopGracePeriod", DEFAULT_GRACE_MS),
        .exclusive = has_items(json_object_get(item, "volumeMounts")) || demand_has_host_port(item),
        .engine = engine,
    };
    ret->has_health = engine_has_health(ret->engine);
    hash_config(ret->engine, ret->config);
    return 0;
}

static int parse_spec(Desired *desired, const json_t *spec, Err *err)
{
    const json_t *services = json_object_get(spec, "services");
    const json_t *volumes = json_object_get(spec, "volumes");
    size_t i;
    json_t *item;

    desired->services = mem_alloc(json_array_size(services) * sizeof(DesiredService));
    desired->volumes = mem_alloc(json_array_size(volumes) * sizeof(DesiredVolume));
    json_array_foreach (services, i, item) {
        if (parse_service(item, desired->project, &desired->services[i], err) < 0)
            return -1;
        desired->service_count++;
    }
    json_array_foreach (volumes, i, item) {
        desired->volumes[desired->volume_count++] =
            (DesiredVolume){ .name = mem_strdup(text(item, "name")),
                             .lasting = strcmp(text(item, "type"), VOLUME_LOCAL) == 0 };
    }
    return 0;
}

static void parse_ingress(Desired *desired, const json_t *ingress)
{
    size_t i;
    json_t *item;

    desired->ingress = mem_alloc((json_array_size(ingress) + 1) * sizeof(DesiredIngress));
    json_array_foreach (ingress, i, item) {
        desired->ingress[desired->ingress_count++] =
            (DesiredIngress){ .host = mem_strdup(text(item, "host")),
                              .path = mem_strdup(text(item, "path")),
                              .service = mem_strdup(text(item, "service")),
                              .port = (int)json_integer_value(json_object_get(item, "port")) };
    }
}

static Desired *desired_new(const char *project)
{
    Desired *desired = mem_alloc(sizeof(*desired));

    desired->project = mem_strdup(project);
    desired->references = 1;
    return desired;
}

Desired *desired_parse(const json_t *item, Err *err)
{
    const char *word = text(item, "desired");

    if (text(item, "project")[0] == '\0') {
        err_set(err, ERR_INVALID, "an assignment has no project");
        return NULL;
    }
    _cleanup_(desired_unrefp) Desired *desired = desired_new(text(item, "project"));
    if (strcmp(word, "Running") != 0 && strcmp(word, "Removed") != 0) {
        err_set(err, ERR_INVALID,
                "project \"%s\": unknown desired state \"%s\": is this agent older "
                "than the server?",
                desired->project, word);
        return NULL;
    }
    desired->uid = mem_strdup(text(item, "uid"));
    desired->phase = mem_strdup(text(item, "phase"));
    desired->epoch = json_integer_value(json_object_get(item, "epoch"));
    desired->generation = json_integer_value(json_object_get(item, "generation"));
    desired->removed = strcmp(word, "Removed") == 0;
    desired->deleted = desired->removed && (strcmp(desired->phase, PHASE_TERMINATING) == 0 ||
                                            strcmp(desired->phase, PHASE_TERMINATED) == 0);
    if (parse_spec(desired, json_object_get(item, "spec"), err) < 0)
        return NULL;
    parse_ingress(desired, json_object_get(item, "ingress"));
    return TAKE_PTR(desired);
}

Desired *desired_leftover(const char *project)
{
    Desired *desired = desired_new(project);

    desired->uid = mem_strdup("");
    desired->phase = mem_strdup("");
    desired->removed = true;
    return desired;
}

Desired *desired_ref(Desired *desired)
{
    __atomic_add_fetch(&desired->references, 1, __ATOMIC_RELAXED);
    return desired;
}

void desired_unref(Desired *desired)
{
    if (desired == NULL || __atomic_sub_fetch(&desired->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < desired->service_count; i++) {
        free(desired->services[i].name);
        free(desired->services[i].image);
        json_decref(desired->services[i].engine);
    }
    for (size_t i = 0; i < desired->volume_count; i++)
        free(desired->volumes[i].name);
    for (size_t i = 0; i < desired->ingress_count; i++) {
        free(desired->ingress[i].host);
        free(desired->ingress[i].path);
        free(desired->ingress[i].service);
    }
    free(desired->ingress);
    free(desired->services);
    free(desired->volumes);
    free(desired->project);
    free(desired->uid);
    free(desired->phase);
    free(desired);
}

bool desired_same(const Desired *a, const Desired *b)
{
    return a->epoch == b->epoch && a->generation == b->generation && a->removed == b->removed &&
           a->deleted == b->deleted && strcmp(a->uid, b->uid) == 0;
}

const DesiredService *desired_service(const Desired *desired, const char *name)
{
    for (size_t i = 0; i < desired->service_count; i++)
        if (strcmp(desired->services[i].name, name) == 0)
            return &desired->services[i];
    return NULL;
}

int assignments_parse(const char *body, size_t len, Assignments *ret, Err *err)
{
    json_error_t why;
    json_t *list = json_loadb(body, len, 0, &why);
    const json_t *items = json_object_get(list, "items");
    Assignments out = { 0 };
    size_t i;
    json_t *item;

    if (!json_is_array(items)) {
        err_set(err, ERR_INVALID, "decode assignments: %s", list == NULL ? why.text : "no items");
        json_decref(list);
        return -1;
    }
    out.items = mem_alloc(json_array_size(items) * sizeof(Desired *));
    json_array_foreach (items, i, item) {
        out.items[i] = desired_parse(item, err);
        if (out.items[i] == NULL) {
            assignments_done(&out);
            json_decref(list);
            return -1;
        }
        out.count++;
    }
    json_decref(list);
    *ret = out;
    return 0;
}

void assignments_done(Assignments *assignments)
{
    for (size_t i = 0; i < assignments->count; i++)
        desired_unref(assignments->items[i]);
    free(assignments->items);
    *assignments = (Assignments){ 0 };
}
