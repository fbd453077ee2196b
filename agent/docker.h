/* The Docker Engine API in plain blocking calls. A Docker is one thread's; it keeps its connection
 * and speaks the newest API version that both sides know. Errors carry the engine's own words. */
#ifndef AGENT_DOCKER_H
#define AGENT_DOCKER_H

#include "cara/err.h"
#include "cara/http.h"
#include "cara/mem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Docker Docker;

typedef struct DockerVersion {
    char engine[64]; /* "20.10.24" */
    char api[16];    /* what is spoken with it */
} DockerVersion;

/* "unix:///path" or "tcp://host:port"; ERR_INVALID says what is accepted. */
int docker_new(const char *host, Docker **ret, Err *err);
void docker_free(Docker *docker);
DEFINE_CLEANUP(Docker *, docker_free);

/* Asks the engine what it is; what docker_call() does by itself before its first request. */
int docker_version(Docker *docker, DockerVersion *ret, Err *err);

/* Any answer is success. `path` is a format and holds only what needs no escaping. */
int docker_call(Docker *docker, const char *method, HttpReply *reply, const json_t *body, Err *err,
                const char *path, ...) __attribute__((format(printf, 6, 7)));

/* The engine's message in an error answer. */
const char *docker_message(const HttpReply *reply);

/* As docker_call, the answer in pieces. */
int docker_stream(Docker *docker, const char *method, HttpSink sink, void *arg, HttpReply *reply,
                  Err *err, const char *path, ...) __attribute__((format(printf, 7, 8)));

/* ---- docker_objects.c: done twice is as done once, but for create: there it is for the caller,
 * who looked, to say what a name that is taken means
 * ------------------------------------------------------ */

/* Lists by label cara.project; NULL lists every project's. The caller owns the array. */
int docker_list_containers(Docker *docker, const char *project, json_t **ret, Err *err);
int docker_list_networks(Docker *docker, const char *project, json_t **ret, Err *err);
int docker_list_volumes(Docker *docker, const char *project, json_t **ret, Err *err);

/* ERR_NOT_FOUND when there is none. */
int docker_inspect_container(Docker *docker, const char *id, json_t **ret, Err *err);
int docker_inspect_image(Docker *docker, const char *image, json_t **ret, Err *err);

/* Where the engine keeps images, containers and volumes. */
int docker_data_root(Docker *docker, char *out, size_t size, Err *err);

/* ERR_NOT_FOUND when the image is not there. */
int docker_create_container(Docker *docker, const char *name, const json_t *body, Err *err);
int docker_start_container(Docker *docker, const char *id, Err *err);
int docker_stop_container(Docker *docker, const char *id, int64_t grace_ms, Err *err);
int docker_rename_container(Docker *docker, const char *id, const char *name, Err *err);
int docker_remove_container(Docker *docker, const char *id,
                            Err *err); /* with its anonymous volumes */

int docker_create_network(Docker *docker, const char *name, const json_t *labels, Err *err);
int docker_remove_network(Docker *docker, const char *name, Err *err);
int docker_create_volume(Docker *docker, const char *name, const json_t *labels, Err *err);
int docker_remove_volume(Docker *docker, const char *name, Err *err);

/* ---- docker_streams.c
 * ------------------------------------------------------------------------------- */

/* Gets how far a pull is whenever it has come further. */
typedef void (*DockerPullSink)(void *arg, int percent);

/* Returns when the image is there; the registry's or the engine's error otherwise. */
int docker_pull(Docker *docker, const char *image, DockerPullSink sink, void *arg, Err *err);

typedef struct DockerEvent {
    const char *action; /* "die", "health_status: healthy" */
    const char *id;
    const char *project; /* label, "" when it has none */
    int64_t time;        /* seconds, the engine's clock */
} DockerEvent;

typedef void (*DockerEventSink)(void *arg, const DockerEvent *event);

/* Container events since that second; returns only when the stream ends, always with an error. */
int docker_follow_events(Docker *docker, int64_t since, DockerEventSink sink, void *arg, Err *err);

#endif
