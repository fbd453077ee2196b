#include "deaths.h"

#include "cara/buf.h"
#include "cara/log.h"
#include "cara/mem.h"
#include "log_tail.h"
#include "observe.h"
#include "report.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define KNOWN_MAX  4096 /* deaths remembered, so as not to be told again */
#define TAIL_LINES 4000
#define SHORT_ID   12

typedef struct Key {
    char id[SHORT_ID + 1];
    int64_t finished_ms;
} Key;

struct Deaths {
    pthread_mutex_t lock;
    void (*wake)(void *arg);
    void *arg;
    char *waiting[DEATHS_WAITING_MAX]; /* JSON objects, oldest first */
    size_t count;
    size_t dropped; /* of those that deaths_take() gave out and that went since */
    Key *known;     /* a ring once it is full */
    size_t known_count;
    size_t known_next;
    size_t log_bytes;
};

Deaths *deaths_new(void (*wake)(void *arg), void *arg)
{
    Deaths *deaths = mem_alloc(sizeof(*deaths));

    pthread_mutex_init(&deaths->lock, NULL);
    deaths->wake = wake;
    deaths->arg = arg;
    deaths->log_bytes = DEATH_LOG_BYTES;
    return deaths;
}

void deaths_set_log_bytes(Deaths *deaths, size_t bytes)
{
    pthread_mutex_lock(&deaths->lock);
    deaths->log_bytes = bytes < DEATH_LOG_MAX ? bytes : DEATH_LOG_MAX;
    pthread_mutex_unlock(&deaths->lock);
}

/* ---- what is known ---- */

/* False when it was there already. */
static bool remember(Deaths *deaths, const Container *container)
{
    Key key = { .finished_ms = container->finished_ms };
    bool news = true;

    snprintf(key.id, sizeof(key.id), "%.*s", SHORT_ID, container->id);
    pthread_mutex_lock(&deaths->lock);
    for (size_t i = 0; news && i < deaths->known_count; i++)
        news = deaths->known[i].finished_ms != key.finished_ms ||
               strcmp(deaths->known[i].id, key.id) != 0;
    if (news && deaths->known_count < KNOWN_MAX) {
        deaths->known = mem_grow(deaths->known, deaths->known_count + 1, sizeof(Key));
        deaths->known[deaths->known_count++] = key;
    } else if (news) {
        deaths->known[deaths->known_next++ % KNOWN_MAX] = key;
    }
    pthread_mutex_unlock(&deaths->lock);
    return news;
}

static void put(Deaths *deaths, char *text)
{
    pthread_mutex_lock(&deaths->lock);
    if (deaths->count == DEATHS_WAITING_MAX) {
        free(deaths->waiting[0]);
        deaths->count--;
        deaths->dropped++;
        memmove(deaths->waiting, deaths->waiting + 1, deaths->count * sizeof(char *));
    }
    deaths->waiting[deaths->count++] = text;
    pthread_mutex_unlock(&deaths->lock);
    deaths->wake(deaths->arg);
}

/* ---- one death ---- */

static bool on_log(void *arg, const char *data, size_t len)
{
    log_tail_add(arg, data, len);
    return true;
}

static void read_tail(Docker *docker, const Container *container, LogTail *tail)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    Err err = { 0 };

    if (docker_stream(docker, "GET", on_log, tail, &reply, &err,
                      "/containers/%s/logs?stdout=1&stderr=1&timestamps=1&tail=%d", container->id,
                      TAIL_LINES) < 0)
        log_debug("log not read", "container=%.12s error=%s", container->id, err.message);
}

static void tell(Deaths *deaths, Docker *docker, const Desired *desired, const Container *container,
                 bool stopped)
{
    LogTail tail;
    char id[SHORT_ID + 1];

    pthread_mutex_lock(&deaths->lock);
    size_t limit = deaths->log_bytes;
    pthread_mutex_unlock(&deaths->lock);
    log_tail_init(&tail, limit, container->tty);
    if (limit > 0)
        read_tail(docker, container, &tail);
    snprintf(id, sizeof(id), "%.*s", SHORT_ID, container->id);
    const char *lines = log_tail_text(&tail);
    json_t *death =
        json_pack("{s:s, s:I, s:s, s:s, s:s, s:i, s:b, s:b, s:s, s:b}", "project", desired->project,
                  "epoch", (json_int_t)desired->epoch, "service", container->service, "containerId",
                  id, "image", container->image, "exitCode", container->exit_code, "oomKilled",
                  container->oom, "stopped", stopped, "log", lines, "logCut", tail.cut);
    report_set_time(death, "startedAt", container->started_ms);
    report_set_time(death, "finishedAt", container->finished_ms);
    char *text = json_dumps(death, JSON_COMPACT);
    json_decref(death);
    log_tail_done(&tail);
    if (text != NULL)
        put(deaths, text);
}

static bool has_died(const Container *container)
{
    return (container->state == CONTAINER_EXITED || container->state == CONTAINER_DEAD) &&
           container->finished_ms > 0 && container->service[0] != '\0';
}

/* What is deleted takes its deaths along; what nobody asked for has nobody to tell. */
static bool worth_telling(const Desired *desired)
{
    return desired->epoch != 0 && !desired->deleted;
}

void deaths_note(Deaths *deaths, Docker *docker, const Desired *desired, const Observed *observed)
{
    if (!worth_telling(desired))
        return;
    for (size_t i = 0; i < observed->container_count; i++) {
        const Container *container = &observed->containers[i];
        if (has_died(container) && remember(deaths, container))
            tell(deaths, docker, desired, container, false);
    }
}

void deaths_note_stopped(Deaths *deaths, Docker *docker, const Desired *desired,
                         const Container *container)
{
    json_t *inspect = NULL;
    Observed now = { 0 };

    if (!worth_telling(desired) ||
        docker_inspect_container(docker, container->id, &inspect, NULL) < 0)
        return;
    now.containers = mem_alloc(sizeof(Container));
    now.container_count = 1;
    observe_container(inspect, now.containers);
    json_decref(inspect);
    if (has_died(now.containers) && remember(deaths, now.containers))
        tell(deaths, docker, desired, now.containers, true);
    observed_done(&now);
}

/* ---- the way out ---- */

char *deaths_take(Deaths *deaths, size_t max_bytes, size_t *ret_count)
{
    Buf out = { .max = SIZE_MAX };
    size_t count = 0;

    pthread_mutex_lock(&deaths->lock);
    deaths->dropped = 0;
    while (count < deaths->count &&
           (count == 0 || out.len + strlen(deaths->waiting[count]) < max_bytes)) {
        buf_add_str(&out, count == 0 ? "[" : ",");
        buf_add_str(&out, deaths->waiting[count++]);
    }
    pthread_mutex_unlock(&deaths->lock);
    *ret_count = count;
    if (count == 0)
        return NULL;
    buf_add_str(&out, "]");
    return buf_take(&out);
}

void deaths_delivered(Deaths *deaths, size_t count)
{
    pthread_mutex_lock(&deaths->lock);
    count = count > deaths->dropped ? count - deaths->dropped : 0;
    for (size_t i = 0; i < count; i++)
        free(deaths->waiting[i]);
    deaths->count -= count;
    memmove(deaths->waiting, deaths->waiting + count, deaths->count * sizeof(char *));
    pthread_mutex_unlock(&deaths->lock);
}

bool deaths_waiting(Deaths *deaths)
{
    pthread_mutex_lock(&deaths->lock);
    bool waiting = deaths->count > 0;
    pthread_mutex_unlock(&deaths->lock);
    return waiting;
}
