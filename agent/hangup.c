#include "hangup.h"

#include "cara/mem.h"
#include "engine_stream.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Process ids mean something on this machine only; its control group names its container. */
static bool is_in_container(long pid, const char *container)
{
    char path[64];
    char line[1024];
    bool found = false;

    snprintf(path, sizeof(path), "/proc/%ld/cgroup", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), file) != NULL)
        found = strstr(line, container) != NULL;
    fclose(file);
    return found;
}

static void on_inspected(void *arg, const char *error, int status, const char *body, size_t len)
{
    _cleanup_(mem_freep) char *container = arg;
    json_t *answer = error == NULL && status == 200 ? json_loadb(body, len, 0, NULL) : NULL;
    json_int_t pid = json_integer_value(json_object_get(answer, "Pid"));

    if (pid > 1 && json_is_true(json_object_get(answer, "Running")) &&
        is_in_container((long)pid, container))
        kill((pid_t)pid, SIGHUP);
    json_decref(answer);
}

void hangup(const char *exec_id, const char *container_id)
{
    _cleanup_(mem_freep) char *path = mem_printf("/exec/%s/json", exec_id);
    EngineRequest request = { .method = "GET", .path = path };

    engine_call(&request, on_inspected, mem_strdup(container_id));
}
