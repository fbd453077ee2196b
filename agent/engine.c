#include "engine.h"

#include "backoff.h"
#include "cara/log.h"
#include "cara/time.h"
#include "clock.h"
#include "docker.h"
#include "threads.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS   2000
#define OVERLAP_S      2 /* events are asked for from so long before the look that they follow */

struct Engine {
    const char *docker_host;
    Projects *projects;
    void (*wake)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    bool up;
    bool seen;
    int64_t down_since; /* monotonic, ms */
    EngineFacts facts;
};

static void set_up(Engine *engine, Docker *docker, const DockerVersion *version)
{
    EngineFacts facts = { 0 };

    if (docker_data_root(docker, facts.data_root, sizeof(facts.data_root), NULL) < 0)
        facts.data_root[0] = '\0';
    snprintf(facts.version, sizeof(facts.version), "%s", version->engine);
    pthread_mutex_lock(&engine->lock);
    bool change = !engine->up;
    engine->up = true;
    engine->seen = true;
    facts.arrivals = engine->facts.arrivals + change;
    engine->facts = facts;
    pthread_mutex_unlock(&engine->lock);
    if (!change)
        return;
    log_info("engine is there", "docker=%s api=%s", version->engine, version->api);
    engine->wake(engine->arg);
}

static void set_down(Engine *engine, const Err *err)
{
    pthread_mutex_lock(&engine->lock);
    bool change = engine->up || engine->down_since == 0;
    engine->up = false;
    if (change)
        engine->down_since = time_monotonic_ms();
    pthread_mutex_unlock(&engine->lock);
    if (!change)
        return;
    log_warn("engine is away", "error=%s", err->message);
    engine->wake(engine->arg);
}

/* ---- the thread
 * --------------------------------------------------------------------------------------- */

static void on_event(void *arg, const DockerEvent *event)
{
    Engine *engine = arg;

    if (event->project[0] != '\0')
        projects_touch(engine->projects, event->project, strcmp(event->action, "start") == 0);
}

static void *follow_thread(void *arg)
{
    Engine *engine = arg;
    Docker *docker = NULL;
    int failures = 0;

    if (docker_new(engine->docker_host, &docker, NULL) < 0)
        return NULL;
    for (;;) {
        Err err = { 0 };
        DockerVersion version = { 0 };
        int64_t since = agent_clock_ms() / 1000 - OVERLAP_S;
        if (docker_version(docker, &version, &err) == 0) {
            failures = 0;
            set_up(engine, docker, &version);
            projects_touch_all(engine->projects); /* whatever happened while nobody followed */
            docker_follow_events(docker, since, on_event, engine, &err);
            log_debug("event stream ended", "error=%s", err.message);
        } else {
            set_down(engine, &err);
        }
        usleep((useconds_t)backoff_jittered_ms(RETRY_FIRST_MS, RETRY_MAX_MS, failures++) * 1000);
    }
}

Engine *engine_new(const char *docker_host, Projects *projects, void (*wake)(void *arg), void *arg)
{
    Engine *engine = mem_alloc(sizeof(*engine));
    _cleanup_(docker_freep) Docker *docker = NULL;
    DockerVersion version = { 0 };
    Err err = { 0 };

    *engine =
        (Engine){ .docker_host = docker_host, .projects = projects, .wake = wake, .arg = arg };
    pthread_mutex_init(&engine->lock, NULL);
    if (docker_new(docker_host, &docker, &err) == 0 && docker_version(docker, &version, &err) == 0)
        set_up(engine, docker, &version);
    else
        set_down(engine, &err);
    return engine;
}

int engine_start(Engine *engine)
{
    return thread_start("engine", follow_thread, engine);
}

bool engine_is_ready(Engine *engine, int *ret_recheck_ms)
{
    pthread_mutex_lock(&engine->lock);
    int64_t away = time_monotonic_ms() - engine->down_since;
    bool ready = engine->up || (engine->seen && away < ENGINE_GRACE_MS);
    *ret_recheck_ms = ready && !engine->up ? (int)(ENGINE_GRACE_MS - away) + 1 : -1;
    pthread_mutex_unlock(&engine->lock);
    return ready;
}

void engine_facts(Engine *engine, EngineFacts *ret)
{
    pthread_mutex_lock(&engine->lock);
    *ret = engine->facts;
    pthread_mutex_unlock(&engine->lock);
}

int engine_arrivals(Engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    int arrivals = engine->facts.arrivals;
    pthread_mutex_unlock(&engine->lock);
    return arrivals;
}
