#include "pulls.h"

#include "cara/log.h"
#include "cara/mem.h"
#include "cara/time.h"
#include "docker.h"
#include "threads.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#define FINISHED_KEPT 64   /* results nobody asked for yet */
#define TOLD_STEP     5    /* percent, and */
#define TOLD_AFTER_MS 1000 /* between two times that projects are told how far it is */

typedef struct Pull {
    struct Pull *next;
    uint64_t ticket;
    char *image;
    PullResult result;
    int percent;
    int told_percent;
    int64_t told_ms;
    char *error;
    char **projects; /* that wait */
    size_t project_count;
} Pull;

struct Pulls {
    pthread_mutex_t lock;
    const char *docker_host;
    PullWake wake;
    void *arg;
    Pull *list; /* newest first */
    uint64_t last_ticket;
};

typedef struct Job {
    Pulls *pulls;
    uint64_t ticket;
    char *image;
} Job;

Pulls *pulls_new(const char *docker_host, PullWake wake, void *arg)
{
    Pulls *pulls = mem_alloc(sizeof(*pulls));

    pthread_mutex_init(&pulls->lock, NULL);
    pulls->docker_host = docker_host;
    pulls->wake = wake;
    pulls->arg = arg;
    return pulls;
}

static void pull_free(Pull *pull)
{
    for (size_t i = 0; i < pull->project_count; i++)
        free(pull->projects[i]);
    free(pull->projects);
    free(pull->image);
    free(pull->error);
    free(pull);
}

static Pull *find(Pulls *pulls, uint64_t ticket)
{
    for (Pull *pull = pulls->list; pull != NULL; pull = pull->next)
        if (pull->ticket == ticket)
            return pull;
    return NULL;
}

static void forget_oldest(Pulls *pulls)
{
    int finished = 0;

    for (Pull **link = &pulls->list; *link != NULL;) {
        Pull *pull = *link;
        if (pull->result != PULL_RUNNING && ++finished > FINISHED_KEPT) {
            *link = pull->next;
            pull_free(pull);
        } else {
            link = &pull->next;
        }
    }
}

/* Wakes them, and frees the list. */
static void wake_all(Pulls *pulls, char **projects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pulls->wake(pulls->arg, projects[i]);
        free(projects[i]);
    }
    free(projects);
}

/* Who waits for the pull, as a list that is the caller's; the lock is held. */
static char **copy_projects(const Pull *pull)
{
    char **projects = mem_alloc(sizeof(char *) * (pull->project_count + 1));

    for (size_t i = 0; i < pull->project_count; i++)
        projects[i] = mem_strdup(pull->projects[i]);
    return projects;
}

static void on_progress(void *arg, int percent)
{
    Job *job = arg;
    char **projects = NULL;
    size_t count = 0;
    int64_t now = time_monotonic_ms();

    pthread_mutex_lock(&job->pulls->lock);
    Pull *pull = find(job->pulls, job->ticket);
    if (pull != NULL) {
        pull->percent = percent;
        if (percent >= pull->told_percent + TOLD_STEP && now - pull->told_ms >= TOLD_AFTER_MS) {
            pull->told_percent = percent;
            pull->told_ms = now;
            count = pull->project_count;
            projects = copy_projects(pull);
        }
    }
    pthread_mutex_unlock(&job->pulls->lock);
    wake_all(job->pulls, projects, count);
}

static int pull_now(Job *job, Err *err)
{
    _cleanup_(docker_freep) Docker *docker = NULL;

    if (docker_new(job->pulls->docker_host, &docker, err) < 0)
        return -1;
    return docker_pull(docker, job->image, on_progress, job, err);
}

static void finish(Pulls *pulls, const Job *job, const char *error)
{
    char **projects = NULL;
    size_t count = 0;

    pthread_mutex_lock(&pulls->lock);
    Pull *pull = find(pulls, job->ticket);
    if (pull != NULL) {
        pull->result = error != NULL ? PULL_FAILED : PULL_DONE;
        pull->error = mem_strdup(error);
        projects = TAKE_PTR(pull->projects);
        count = pull->project_count;
        pull->project_count = 0;
    }
    forget_oldest(pulls);
    pthread_mutex_unlock(&pulls->lock);
    wake_all(pulls, projects, count);
}

static void *pull_thread(void *arg)
{
    Job *job = arg;
    Err err = { 0 };
    int64_t began = time_monotonic_ms();

    if (pull_now(job, &err) == 0) {
        log_info("image pulled", "image=%s ms=%" PRId64, job->image, time_monotonic_ms() - began);
        finish(job->pulls, job, NULL);
    } else {
        finish(job->pulls, job, err.message);
    }
    free(job->image);
    free(job);
    return NULL;
}

static void add_project(Pull *pull, const char *project)
{
    for (size_t i = 0; i < pull->project_count; i++)
        if (strcmp(pull->projects[i], project) == 0)
            return;
    pull->projects = mem_grow(pull->projects, pull->project_count + 1, sizeof(char *));
    pull->projects[pull->project_count++] = mem_strdup(project);
}

uint64_t pulls_start(Pulls *pulls, const char *image, const char *project)
{
    Job *job = NULL;

    pthread_mutex_lock(&pulls->lock);
    Pull *pull = pulls->list;
    while (pull != NULL && (pull->result != PULL_RUNNING || strcmp(pull->image, image) != 0))
        pull = pull->next;
    if (pull == NULL) {
        pull = mem_alloc(sizeof(*pull));
        *pull = (Pull){ .next = pulls->list,
                        .ticket = ++pulls->last_ticket,
                        .image = mem_strdup(image),
                        .result = PULL_RUNNING,
                        .percent = -1 };
        pulls->list = pull;
        job = mem_alloc(sizeof(*job));
        *job = (Job){ .pulls = pulls, .ticket = pull->ticket, .image = mem_strdup(image) };
    }
    add_project(pull, project);
    uint64_t ticket = pull->ticket;
    pthread_mutex_unlock(&pulls->lock);
    if (job != NULL && thread_start("pull", pull_thread, job) < 0) {
        finish(pulls, job, "pull image: the operating system refused a thread");
        free(job->image);
        free(job);
    }
    return ticket;
}

int pulls_percent(Pulls *pulls, uint64_t ticket)
{
    pthread_mutex_lock(&pulls->lock);
    const Pull *pull = find(pulls, ticket);
    int percent = pull != NULL ? pull->percent : -1;
    pthread_mutex_unlock(&pulls->lock);
    return percent;
}

PullResult pulls_result(Pulls *pulls, uint64_t ticket, char **ret_error)
{
    PullResult result = PULL_DONE;

    pthread_mutex_lock(&pulls->lock);
    const Pull *pull = find(pulls, ticket);
    if (pull != NULL) {
        result = pull->result;
        *ret_error = mem_strdup(pull->error);
    }
    pthread_mutex_unlock(&pulls->lock);
    return result;
}
