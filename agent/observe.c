#include "observe.h"

#include "cara/names.h"
#include "cara/time.h"
#include "images.h"

#include <stdio.h>
#include <string.h>

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : "";
}

/* "2026-11-20T16:25:13.215072Z" to milliseconds; Go's zero time to 0. */
static int64_t parse_time_ms(const char *time)
{
    int64_t seconds = 0;
    bool zero = false;
    int ms = 0;

    if (time_parse_rfc3339(time, &seconds, &zero, NULL) < 0 || zero)
        return 0;
    const char *point = strchr(time, '.');
    for (int i = 1, scale = 100; point != NULL && i <= 3; i++, scale /= 10) {
        if (point[i] < '0' || point[i] > '9')
            break;
        ms += (point[i] - '0') * scale;
    }
    return seconds * 1000 + ms;
}

/* The address on the project's network. */
static const char *address(const json_t *inspect, const char *project)
{
    const json_t *networks =
        json_object_get(json_object_get(inspect, "NetworkSettings"), "Networks");
    char name[300];

    snprintf(name, sizeof(name), NETWORK_PREFIX "%s", project);
    return text(json_object_get(networks, name), "IPAddress");
}

void observe_container(const json_t *inspect, Container *ret)
{
    const json_t *config = json_object_get(inspect, "Config");
    const json_t *labels = json_object_get(config, "Labels");
    const json_t *state = json_object_get(inspect, "State");
    const char *name = text(inspect, "Name");

    *ret = (Container){
        .id = mem_strdup(text(inspect, "Id")),
        .name = mem_strdup(name[0] == '/' ? name + 1 : name),
        .service = mem_strdup(text(labels, LABEL_SERVICE)),
        .uid = mem_strdup(text(labels, LABEL_UID)),
        .config = mem_strdup(text(labels, LABEL_CONFIG)),
        .image = mem_strdup(text(config, "Image")),
        .digest = mem_strdup(text(inspect, "Image")),
        .ip = mem_strdup(address(inspect, text(labels, LABEL_PROJECT))),
        .error = mem_strdup(text(state, "Error")),
        .state = container_state_parse(text(state, "Status")),
        .health = health_state_parse(text(json_object_get(state, "Health"), "Status")),
        .exit_code = (int)json_integer_value(json_object_get(state, "ExitCode")),
        .tty = json_is_true(json_object_get(config, "Tty")),
        .oom = json_is_true(json_object_get(state, "OOMKilled")),
        .created_ms = parse_time_ms(text(inspect, "Created")),
        .started_ms = parse_time_ms(text(state, "StartedAt")),
        .finished_ms = parse_time_ms(text(state, "FinishedAt")),
    };
}

static int observe_containers(Docker *docker, const char *project, Observed *out, Err *err)
{
    json_t *list = NULL;
    size_t i;
    json_t *item;
    int rc = 0;

    if (docker_list_containers(docker, project, &list, err) < 0)
        return -1;
    out->containers = mem_alloc(json_array_size(list) * sizeof(Container));
    json_array_foreach (list, i, item) {
        json_t *inspect = NULL;
        if (docker_inspect_container(docker, text(item, "Id"), &inspect, err) < 0) {
            if (err->kind == ERR_NOT_FOUND)
                continue; /* removed since the list was made */
            rc = -1;
            break;
        }
        Container *container = &out->containers[out->container_count++];
        observe_container(inspect, container);
        images_digest(docker, &container->digest);
        json_decref(inspect);
    }
    json_decref(list);
    return rc;
}

static int observe_network(Docker *docker, const char *project, Observed *out, Err *err)
{
    json_t *list = NULL;
    size_t i;
    json_t *item;
    char name[300];

    snprintf(name, sizeof(name), NETWORK_PREFIX "%s", project);
    if (docker_list_networks(docker, project, &list, err) < 0)
        return -1;
    json_array_foreach (list, i, item) {
        if (strcmp(text(item, "Name"), name) == 0)
            out->has_network = true;
    }
    json_decref(list);
    return 0;
}

static int observe_volumes(Docker *docker, const char *project, Observed *out, Err *err)
{
    json_t *list = NULL;
    size_t i;
    json_t *item;

    if (docker_list_volumes(docker, project, &list, err) < 0)
        return -1;
    out->volumes = mem_alloc(json_array_size(list) * sizeof(Volume));
    json_array_foreach (list, i, item) {
        const json_t *labels = json_object_get(item, "Labels");
        out->volumes[out->volume_count++] = (Volume){
            .name = mem_strdup(text(item, "Name")),
            .uid = mem_strdup(text(labels, LABEL_UID)),
            .lasting = strcmp(text(labels, LABEL_VOLUME_TYPE), VOLUME_LOCAL) == 0,
        };
    }
    json_decref(list);
    return 0;
}

int observe_project(Docker *docker, const char *project, Observed *ret, Err *err)
{
    _cleanup_(observed_done) Observed out = { 0 };

    if (observe_containers(docker, project, &out, err) < 0 ||
        observe_network(docker, project, &out, err) < 0 ||
        observe_volumes(docker, project, &out, err) < 0)
        return -1;
    *ret = out;
    out = (Observed){ 0 };
    return 0;
}

/* ---- every project ------------------------------------------------------------------------------
 */

static void add_name(char ***names, size_t *count, const char *name)
{
    if (name[0] == '\0')
        return;
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*names)[i], name) == 0)
            return;
    *names = mem_grow(*names, *count + 1, sizeof(char *));
    (*names)[(*count)++] = mem_strdup(name);
}

int observe_all_projects(Docker *docker, char ***ret_names, size_t *ret_count, Err *err)
{
    static int (*const lists[])(Docker *, const char *, json_t **, Err *) = {
        docker_list_containers,
        docker_list_networks,
        docker_list_volumes,
    };
    char **names = NULL;
    size_t count = 0;

    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        json_t *list = NULL;
        size_t i;
        json_t *item;
        if (lists[l](docker, NULL, &list, err) < 0) {
            for (size_t n = 0; n < count; n++)
                free(names[n]);
            free(names);
            return -1;
        }
        json_array_foreach (list, i, item) {
            const json_t *labels = json_object_get(item, "Labels");
            if (text(labels, LABEL_VOLUME_TYPE)[0] == '\0') /* data alone is no leftover */
                add_name(&names, &count, text(labels, LABEL_PROJECT));
        }
        json_decref(list);
    }
    *ret_names = names;
    *ret_count = count;
    return 0;
}
