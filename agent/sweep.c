#include "sweep.h"

#include "cara/log.h"
#include "observe.h"
#include "threads.h"

#include <stdatomic.h>

typedef struct Sweep {
    const char *docker_host;
    Projects *projects;
} Sweep;

static atomic_flag sweeping = ATOMIC_FLAG_INIT;

static void *sweep_thread(void *arg)
{
    Sweep *sweep = arg;
    _cleanup_(docker_freep) Docker *docker = NULL;
    char **names = NULL;
    size_t count = 0;
    Err err = { 0 };

    if (docker_new(sweep->docker_host, &docker, &err) == 0 &&
        observe_all_projects(docker, &names, &count, &err) == 0)
        projects_add_leftovers(sweep->projects, names, count);
    else
        log_debug("leftovers not looked for", "error=%s", err.message);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    free(sweep);
    atomic_flag_clear(&sweeping);
    return NULL;
}

void sweep_start(const char *docker_host, Projects *projects)
{
    if (atomic_flag_test_and_set(&sweeping))
        return;
    Sweep *sweep = mem_alloc(sizeof(*sweep));
    *sweep = (Sweep){ .docker_host = docker_host, .projects = projects };
    if (thread_start("sweep", sweep_thread, sweep) < 0) {
        free(sweep);
        atomic_flag_clear(&sweeping);
    }
}
