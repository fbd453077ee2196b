#include "projects.h"

#include "cara/log.h"
#include "clock.h"
#include "memory.h"
#include "pulls.h"
#include "reconcile.h"
#include "threads.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#define WORKERS_KEPT 2 /* with warm connections */
#define WORKERS_MAX  32
#define IDLE_MAX_MS  30000

typedef struct Project {
    Desired *desired;
    History history; /* its worker's while busy */
    bool dirty;      /* to be looked at now */
    bool busy;       /* a worker is at it */
    bool tried;      /* what is wanted was tried with an engine that answered */
    int64_t wake_at; /* wall clock, ms */
} Project;

struct Projects {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const char *docker_host;
    Outbox *outbox;
    Deaths *deaths;
    Ingress *ingress;
    Pulls *pulls;
    Project **list;
    size_t count;
    int workers;
    int idle;
    bool holding; /* what is to run waits for what is to go */
    bool fetched; /* since this node was out of touch, a list has come */
    bool swept;   /* ... and leftovers were looked for */
    int64_t hold_until;
};

static void on_pulled(void *arg, const char *project)
{
    projects_touch(arg, project, false);
}

Projects *projects_new(const char *docker_host, Outbox *outbox, Deaths *deaths, Ingress *ingress)
{
    Projects *projects = mem_alloc(sizeof(*projects));

    pthread_mutex_init(&projects->lock, NULL);
    pthread_cond_init(&projects->changed, NULL);
    projects->docker_host = docker_host;
    projects->outbox = outbox;
    projects->deaths = deaths;
    projects->ingress = ingress;
    projects->pulls = pulls_new(docker_host, on_pulled, projects);
    projects->holding = true;
    projects->hold_until = agent_clock_ms() + HOLD_MAX_MS;
    return projects;
}

/* ---- the list; all below with the lock held unless said
 * ------------------------------------------------ */

static Project *find(Projects *projects, const char *name)
{
    for (size_t i = 0; i < projects->count; i++)
        if (strcmp(projects->list[i]->desired->project, name) == 0)
            return projects->list[i];
    return NULL;
}

static void add(Projects *projects, Desired *desired)
{
    Project *project = mem_alloc(sizeof(*project));

    *project = (Project){ .desired = desired, .dirty = true, .wake_at = INT64_MAX };
    projects->list = mem_grow(projects->list, projects->count + 1, sizeof(Project *));
    projects->list[projects->count++] = project;
}

static void drop(Projects *projects, Project *project)
{
    for (size_t i = 0; i < projects->count; i++) {
        if (projects->list[i] == project) {
            projects->list[i] = projects->list[--projects->count];
            break;
        }
    }
    outbox_drop(projects->outbox, project->desired->project);
    history_done(&project->history);
    desired_unref(project->desired);
    free(project);
}

static void want(Project *project, Desired *desired)
{
    desired_unref(project->desired);
    project->desired = desired;
    project->dirty = true;
    project->tried = false;
}

static bool listed(const Assignments *assignments, const char *name)
{
    for (size_t i = 0; i < assignments->count; i++)
        if (strcmp(assignments->items[i]->project, name) == 0)
            return true;
    return false;
}

/* ---- first what must go, then what is to run
 * ----------------------------------------------------------- */

static void hold(Projects *projects)
{
    projects->holding = true;
    projects->hold_until = agent_clock_ms() + HOLD_MAX_MS;
}

static bool is_over(const Projects *projects)
{
    if (!projects->fetched || !projects->swept)
        return false;
    for (size_t i = 0; i < projects->count; i++)
        if (projects->list[i]->desired->removed && !projects->list[i]->tried)
            return false;
    return true;
}

static bool is_held(Projects *projects, const Project *project, int64_t now)
{
    if (!projects->holding || project->desired->removed)
        return false;
    bool late = now >= projects->hold_until;
    if (!late && !is_over(projects))
        return true;
    projects->holding = false;
    if (late)
        log_warn("removing takes long, goes on beside it", "held_ms=%d", HOLD_MAX_MS);
    return false;
}

/* ---- hands
 * --------------------------------------------------------------------------------------------- */

static void *worker_thread(void *arg);

static void add_workers(Projects *projects, int missing)
{
    for (; missing > 0 && projects->workers < WORKERS_MAX; missing--) {
        if (thread_start("worker", worker_thread, projects) < 0)
            break;
        projects->workers++;
    }
}

/* Enough hands for what is to be done. */
static void call_workers(Projects *projects)
{
    int64_t now = agent_clock_ms();
    int runnable = 0;

    for (size_t i = 0; i < projects->count; i++) {
        const Project *project = projects->list[i];
        runnable += project->dirty && !project->busy && !is_held(projects, project, now);
    }
    add_workers(projects, runnable - projects->idle);
    pthread_cond_broadcast(&projects->changed);
}

/* ---- what the others ask
 * -------------------------------------------------------------------------------- */

void projects_apply(Projects *projects, const Assignments *assignments)
{
    pthread_mutex_lock(&projects->lock);
    for (size_t i = 0; i < assignments->count; i++) {
        Desired *desired = assignments->items[i];
        Project *project = find(projects, desired->project);
        if (project == NULL)
            add(projects, desired_ref(desired));
        else if (!desired_same(project->desired, desired))
            want(project, desired_ref(desired));
        else
            outbox_correct(projects->outbox, desired->project, desired->phase);
    }
    for (size_t i = 0; i < projects->count; i++) {
        Project *project = projects->list[i];
        if (project->desired->epoch == 0 || listed(assignments, project->desired->project))
            continue;
        outbox_drop(projects->outbox, project->desired->project);
        want(project, desired_leftover(project->desired->project));
    }
    projects->fetched = true;
    call_workers(projects);
    pthread_mutex_unlock(&projects->lock);
}

void projects_confirm(Projects *projects)
{
    pthread_mutex_lock(&projects->lock);
    projects->fetched = true;
    call_workers(projects);
    pthread_mutex_unlock(&projects->lock);
}

void projects_returned(Projects *projects)
{
    pthread_mutex_lock(&projects->lock);
    projects->fetched = false;
    projects->swept = false;
    hold(projects);
    pthread_mutex_unlock(&projects->lock);
}

void projects_add_leftovers(Projects *projects, char *const *names, size_t count)
{
    pthread_mutex_lock(&projects->lock);
    for (size_t i = 0; i < count; i++) {
        if (find(projects, names[i]) != NULL)
            continue;
        log_info("leftovers found", "project=%s", names[i]);
        add(projects, desired_leftover(names[i]));
    }
    projects->swept = true;
    call_workers(projects);
    pthread_mutex_unlock(&projects->lock);
}

void projects_touch(Projects *projects, const char *name, bool own_start)
{
    pthread_mutex_lock(&projects->lock);
    Project *project = find(projects, name);
    if (project != NULL && !(own_start && project->busy)) {
        project->dirty = true;
        call_workers(projects);
    }
    pthread_mutex_unlock(&projects->lock);
}

void projects_touch_all(Projects *projects)
{
    pthread_mutex_lock(&projects->lock);
    for (size_t i = 0; i < projects->count; i++)
        projects->list[i]->dirty = true;
    hold(projects);
    call_workers(projects);
    pthread_mutex_unlock(&projects->lock);
}

/* ---- the workers
 * ----------------------------------------------------------------------------------------- */

typedef struct Work {
    Projects *projects;
    Project *project;
    const Desired *desired; /* what this worker is at */
} Work;

/* Called by reconcile() without the lock. */
static bool is_stale(void *arg)
{
    const Work *work = arg;

    pthread_mutex_lock(&work->projects->lock);
    bool stale = work->project->desired != work->desired;
    pthread_mutex_unlock(&work->projects->lock);
    return stale;
}

/* Likewise. */
static void tell(void *arg, Report *report)
{
    Work *work = arg;

    if (is_stale(work))
        report_done(report);
    else
        outbox_put(work->projects->outbox, report);
}

static Project *next_project(Projects *projects, int64_t now, int64_t *ret_wake_at)
{
    *ret_wake_at = INT64_MAX;
    for (size_t i = 0; i < projects->count; i++) {
        Project *project = projects->list[i];
        if (project->busy)
            continue;
        if (is_held(projects, project, now)) {
            if (projects->hold_until < *ret_wake_at)
                *ret_wake_at = projects->hold_until;
            continue;
        }
        if (project->dirty || project->wake_at <= now)
            return project;
        if (project->wake_at < *ret_wake_at)
            *ret_wake_at = project->wake_at;
    }
    return NULL;
}

/* False when nothing came for so long that this worker is one too many. One always stays to see
 * when a project's time has come. */
static bool wait_for_work(Projects *projects, int64_t now, int64_t wake_at)
{
    int64_t until = now + IDLE_MAX_MS;

    if (wake_at < until)
        until = wake_at;
    struct timespec deadline = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
    projects->idle++;
    int rc = pthread_cond_timedwait(&projects->changed, &projects->lock, &deadline);
    projects->idle--;
    if (rc == ETIMEDOUT && wake_at != until) {
        pthread_mutex_unlock(&projects->lock);
        memory_give_back();
        pthread_mutex_lock(&projects->lock);
    }
    return rc != ETIMEDOUT || wake_at == until || projects->idle == 0 ||
           projects->workers <= WORKERS_KEPT;
}

static void work_on(Projects *projects, Project *project, Docker *docker)
{
    Desired *desired = desired_ref(project->desired);
    Work work = { .projects = projects, .project = project, .desired = desired };
    Reconciler reconciler = { .docker = docker,
                              .deaths = projects->deaths,
                              .docker_host = projects->docker_host,
                              .pulls = projects->pulls,
                              .ingress = projects->ingress,
                              .is_stale = is_stale,
                              .tell = tell,
                              .arg = &work };
    Reconciled result = { 0 };

    project->busy = true;
    project->dirty = false;
    project->wake_at = INT64_MAX;
    if (projects->idle == 0)
        add_workers(projects, 1);
    pthread_mutex_unlock(&projects->lock);
    reconcile(&reconciler, desired, &project->history, &result);
    pthread_mutex_lock(&projects->lock);
    project->busy = false;
    project->wake_at = result.wake_at;
    bool stale = project->desired != desired;
    if (!stale) {
        project->tried |= result.tried;
        outbox_put(projects->outbox, &result.report);
    }
    if (!stale && result.gone && desired->epoch == 0)
        drop(projects, project);
    if (projects->holding)
        call_workers(projects);
    report_done(&result.report);
    desired_unref(desired);
}

static void *worker_thread(void *arg)
{
    Projects *projects = arg;
    _cleanup_(docker_freep) Docker *docker = NULL;
    Err err = { 0 };

    if (docker_new(projects->docker_host, &docker, &err) < 0)
        log_error("worker has no engine client", "error=%s", err.message);
    pthread_mutex_lock(&projects->lock);
    while (docker != NULL) {
        int64_t now = agent_clock_ms();
        int64_t wake_at;
        Project *project = next_project(projects, now, &wake_at);
        if (project != NULL)
            work_on(projects, project, docker);
        else if (!wait_for_work(projects, now, wake_at))
            break;
    }
    projects->workers--;
    pthread_mutex_unlock(&projects->lock);
    return NULL;
}
