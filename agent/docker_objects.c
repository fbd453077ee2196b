/* Containers, networks, volumes, images: one short function a call. */
#include "cara/names.h"
#include "docker.h"

#include <stdio.h>
#include <string.h>

static bool ok(const HttpReply *reply)
{
    return reply->status >= 200 && reply->status < 300;
}

/* `what` is a name or an id; of an id the first 12 digits say enough. */
static int refused(const HttpReply *reply, Err *err, const char *doing, const char *what)
{
    ErrKind kind = reply->status == 404 ? ERR_NOT_FOUND : ERR_ENGINE;

    if (strlen(what) == 64)
        return err_set_status(err, kind, reply->status, "%s %.12s: %s", doing, what,
                              docker_message(reply));
    return err_set_status(err, kind, reply->status, "%s \"%s\": %s", doing, what,
                          docker_message(reply));
}

/* GET of something in JSON. */
static int get_json(Docker *docker, const char *what, const char *path, json_t **ret, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (docker_call(docker, "GET", &reply, NULL, err, "%s", path) < 0)
        return -1;
    if (!ok(&reply))
        return refused(&reply, err, "ask the engine for", what);
    *ret = json_loadb(reply.body, reply.len, 0, NULL);
    if (*ret == NULL)
        return err_set(err, ERR_ENGINE, "the engine's answer about \"%s\" is not JSON", what);
    return 0;
}

/* {"label":["cara.project=NAME"]}, percent-encoded. */
static char *label_filter(const char *project)
{
    _cleanup_(mem_freep) char *plain =
        project != NULL ? mem_printf("{\"label\":[\"" LABEL_PROJECT "=%s\"]}", project)
                        : mem_strdup("{\"label\":[\"" LABEL_PROJECT "\"]}");

    return http_escape(plain);
}

int docker_list_containers(Docker *docker, const char *project, json_t **ret, Err *err)
{
    _cleanup_(mem_freep) char *filter = label_filter(project);
    _cleanup_(mem_freep) char *path = mem_printf("/containers/json?all=1&filters=%s", filter);

    return get_json(docker, "containers", path, ret, err);
}

int docker_list_networks(Docker *docker, const char *project, json_t **ret, Err *err)
{
    _cleanup_(mem_freep) char *filter = label_filter(project);
    _cleanup_(mem_freep) char *path = mem_printf("/networks?filters=%s", filter);

    return get_json(docker, "networks", path, ret, err);
}

int docker_list_volumes(Docker *docker, const char *project, json_t **ret, Err *err)
{
    _cleanup_(mem_freep) char *filter = label_filter(project);
    _cleanup_(mem_freep) char *path = mem_printf("/volumes?filters=%s", filter);
    json_t *answer = NULL;

    if (get_json(docker, "volumes", path, &answer, err) < 0)
        return -1;
    json_t *volumes = json_object_get(answer, "Volumes"); /* null when there are none */
    *ret = json_is_array(volumes) ? json_incref(volumes) : json_array();
    json_decref(answer);
    return 0;
}

int docker_inspect_container(Docker *docker, const char *id, json_t **ret, Err *err)
{
    _cleanup_(mem_freep) char *path = mem_printf("/containers/%s/json", id);

    return get_json(docker, id, path, ret, err);
}

int docker_inspect_image(Docker *docker, const char *image, json_t **ret, Err *err)
{
    _cleanup_(mem_freep) char *escaped = http_escape(image);
    _cleanup_(mem_freep) char *path = mem_printf("/images/%s/json", escaped);

    return get_json(docker, image, path, ret, err);
}

int docker_data_root(Docker *docker, char *out, size_t size, Err *err)
{
    json_t *info = NULL;

    if (get_json(docker, "itself", "/info", &info, err) < 0)
        return -1;
    const char *root = json_string_value(json_object_get(info, "DockerRootDir"));
    snprintf(out, size, "%s", root != NULL ? root : "");
    json_decref(info);
    return 0;
}

int docker_create_container(Docker *docker, const char *name, const json_t *body, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (docker_call(docker, "POST", &reply, body, err, "/containers/create?name=%s", name) < 0)
        return -1;
    return ok(&reply) ? 0 : refused(&reply, err, "create container", name);
}

int docker_start_container(Docker *docker, const char *id, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (docker_call(docker, "POST", &reply, NULL, err, "/containers/%s/start", id) < 0)
        return -1;
    if (ok(&reply) || reply.status == 304) /* 304: it runs already */
        return 0;
    return refused(&reply, err, "start container", id);
}

int docker_stop_container(Docker *docker, const char *id, int64_t grace_ms, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    int seconds = (int)((grace_ms + 999) / 1000);

    if (docker_call(docker, "POST", &reply, NULL, err, "/containers/%s/stop?t=%d", id, seconds) < 0)
        return -1;
    if (ok(&reply) || reply.status == 304 || reply.status == 404) /* stopped, or gone */
        return 0;
    return refused(&reply, err, "stop container", id);
}

int docker_rename_container(Docker *docker, const char *id, const char *name, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (docker_call(docker, "POST", &reply, NULL, err, "/containers/%s/rename?name=%s", id, name) <
        0)
        return -1;
    return ok(&reply) ? 0 : refused(&reply, err, "rename container to", name);
}

int docker_remove_container(Docker *docker, const char *id, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (docker_call(docker, "DELETE", &reply, NULL, err, "/containers/%s?force=1&v=1", id) < 0)
        return -1;
    /* 404: gone. 409: its removal is under way; whoever looks again sees when it is through. */
    if (ok(&reply) || reply.status == 404 || reply.status == 409)
        return 0;
    return refused(&reply, err, "remove container", id);
}

int docker_create_network(Docker *docker, const char *name, const json_t *labels, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    json_t *body = json_pack("{s:s, s:b, s:s, s:O}", "Name", name, "CheckDuplicate", 1, "Driver",
                             "bridge", "Labels", labels);
    int rc = docker_call(docker, "POST", &reply, body, err, "/networks/create");

    json_decref(body);
    if (rc < 0)
        return -1;
    return ok(&reply) ? 0 : refused(&reply, err, "create network", name);
}

/* Engines lose count of a network's endpoints now and then, and say so in words that send people
 * looking for containers that are not there. */
static bool is_empty_network(Docker *docker, const char *name)
{
    _cleanup_(mem_freep) char *path = mem_printf("/networks/%s", name);
    json_t *network = NULL;

    if (get_json(docker, name, path, &network, NULL) < 0)
        return false;
    bool empty = json_object_size(json_object_get(network, "Containers")) == 0;
    json_decref(network);
    return empty;
}

int docker_remove_network(Docker *docker, const char *name, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (docker_call(docker, "DELETE", &reply, NULL, err, "/networks/%s", name) < 0)
        return -1;
    if (ok(&reply) || reply.status == 404)
        return 0;
    if (strstr(reply.body, "active endpoints") != NULL && is_empty_network(docker, name))
        return err_set(
            err, ERR_ENGINE,
            "remove network \"%s\": the engine counts endpoints that are not there (%s): "
            "restarting the engine puts that right",
            name, docker_message(&reply));
    return refused(&reply, err, "remove network", name);
}

/* The engine gives back a volume that is there already as if it had made it. */
static bool is_ours(const HttpReply *reply, const json_t *labels)
{
    json_t *volume = json_loadb(reply->body, reply->len, 0, NULL);
    const json_t *theirs = json_object_get(json_object_get(volume, "Labels"), LABEL_PROJECT);
    bool ours = theirs != NULL && json_equal(theirs, json_object_get(labels, LABEL_PROJECT));

    json_decref(volume);
    return ours;
}

int docker_create_volume(Docker *docker, const char *name, const json_t *labels, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    json_t *body = json_pack("{s:s, s:O}", "Name", name, "Labels", labels);
    int rc = docker_call(docker, "POST", &reply, body, err, "/volumes/create");

    json_decref(body);
    if (rc < 0)
        return -1;
    if (!ok(&reply))
        return refused(&reply, err, "create volume", name);
    return is_ours(&reply, labels) ? 0
                                   : err_set(err, ERR_CONFLICT,
                                             "create volume \"%s\": one of that name is there and "
                                             "is not Caravanserai's: remove or rename it",
                                             name);
}

int docker_remove_volume(Docker *docker, const char *name, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (docker_call(docker, "DELETE", &reply, NULL, err, "/volumes/%s", name) < 0)
        return -1;
    return ok(&reply) || reply.status == 404 ? 0 : refused(&reply, err, "remove volume", name);
}
