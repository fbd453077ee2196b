/* What the engine answers in lines of JSON: the progress of a pull, and events. */
#include "cara/buf.h"
#include "cara/names.h"
#include "docker.h"
#include "pull_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (1024 * 1024)

typedef void (*LineSink)(void *arg, const json_t *line);

typedef struct Lines {
    Buf pending; /* a line whose end has not come yet */
    LineSink sink;
    void *arg;
} Lines;

static bool on_data(void *arg, const char *data, size_t len)
{
    Lines *lines = arg;

    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end != NULL ? (size_t)(end - data) : len;
        buf_add(&lines->pending, data, n);
        if (end == NULL)
            return true;
        json_t *line = json_loadb(buf_str(&lines->pending), lines->pending.len, 0, NULL);
        if (line != NULL)
            lines->sink(lines->arg, line);
        json_decref(line);
        buf_reset(&lines->pending);
        data += n + 1;
        len -= n + 1;
    }
    return true;
}

/* ---- pull --------------------------------------------------------------------------------------
 */

typedef struct Pulling {
    DockerPullSink sink;
    void *arg;
    PullProgress progress;
    Err failure;
} Pulling;

/* A pull that fails half-way says so in its stream, after a status of 200. */
static void on_pull_line(void *arg, const json_t *line)
{
    Pulling *pulling = arg;
    const char *error = json_string_value(json_object_get(line, "error"));

    if (error != NULL)
        err_set(&pulling->failure, ERR_ENGINE, "%s", error);
    if (pull_progress_take(&pulling->progress, line))
        pulling->sink(pulling->arg, pulling->progress.percent);
}

/* NAME, NAME:TAG or NAME@DIGEST to the engine's two parameters. Without a tag it would pull all. */
static char *pull_path(const char *image)
{
    const char *at = strchr(image, '@');
    const char *slash = strrchr(image, '/');
    const char *colon = strrchr(slash != NULL ? slash : image, ':');
    const char *split = at != NULL ? at : colon;
    _cleanup_(mem_freep) char *name =
        mem_strndup(image, split != NULL ? (size_t)(split - image) : strlen(image));
    _cleanup_(mem_freep) char *from = http_escape(name);
    _cleanup_(mem_freep) char *tag = http_escape(split != NULL ? split + 1 : "latest");

    return mem_printf("/images/create?fromImage=%s&tag=%s", from, tag);
}

int docker_pull(Docker *docker, const char *image, DockerPullSink sink, void *arg, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    _cleanup_(mem_freep) char *path = pull_path(image);
    Pulling pulling = { .sink = sink, .arg = arg };
    Lines lines = { .sink = on_pull_line, .arg = &pulling };

    pull_progress_init(&pulling.progress);
    buf_init(&lines.pending, LINE_MAX_BYTES);
    int rc = docker_stream(docker, "POST", on_data, &lines, &reply, err, "%s", path);
    buf_done(&lines.pending);
    pull_progress_done(&pulling.progress);
    if (rc < 0)
        return err_prefix(err, "pull image \"%s\"", image);
    if (reply.status != 200)
        return err_set_status(err, ERR_ENGINE, reply.status, "pull image \"%s\": %s", image,
                              docker_message(&reply));
    if (pulling.failure.kind != ERR_NONE)
        return err_set(err, ERR_ENGINE, "pull image \"%s\": %s", image, pulling.failure.message);
    return 0;
}

/* ---- events -------------------------------------------------------------------------------------
 */

typedef struct Following {
    DockerEventSink sink;
    void *arg;
} Following;

static const char *member(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : "";
}

static void on_event_line(void *arg, const json_t *line)
{
    Following *following = arg;
    const json_t *actor = json_object_get(line, "Actor");
    DockerEvent event = {
        .action = member(line, "Action"),
        .id = member(actor, "ID"),
        .project = member(json_object_get(actor, "Attributes"), LABEL_PROJECT),
        .time = json_integer_value(json_object_get(line, "time")),
    };

    following->sink(following->arg, &event);
}

int docker_follow_events(Docker *docker, int64_t since, DockerEventSink sink, void *arg, Err *err)
{
    static const char wanted[] = "{\"type\":[\"container\"],\"label\":[\"" LABEL_PROJECT
                                 "\"],\"event\":[\"start\",\"die\",\"oom\","
                                 "\"destroy\",\"pause\",\"unpause\",\"health_status\"]}";
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    _cleanup_(mem_freep) char *filters = http_escape(wanted);
    Following following = { .sink = sink, .arg = arg };
    Lines lines = { .sink = on_event_line, .arg = &following };

    buf_init(&lines.pending, LINE_MAX_BYTES);
    int rc = docker_stream(docker, "GET", on_data, &lines, &reply, err,
                           "/events?since=%" PRId64 "&filters=%s", since, filters);
    buf_done(&lines.pending);
    if (rc < 0)
        return -1;
    if (reply.status != 200)
        return err_set_status(err, ERR_ENGINE, reply.status, "follow events: %s",
                              docker_message(&reply));
    return err_set(err, ERR_UNAVAILABLE, "follow events: the engine ended the stream");
}
