#include "observed.h"

#include "cara/mem.h"

#include <string.h>

static const char *const state_words[] = {
    [CONTAINER_CREATED] = "created",   [CONTAINER_RUNNING] = "running",
    [CONTAINER_PAUSED] = "paused",     [CONTAINER_RESTARTING] = "restarting",
    [CONTAINER_REMOVING] = "removing", [CONTAINER_EXITED] = "exited",
    [CONTAINER_DEAD] = "dead",
};

static const char *const health_words[] = {
    [HEALTH_NONE] = "",
    [HEALTH_STARTING] = "starting",
    [HEALTH_HEALTHY] = "healthy",
    [HEALTH_UNHEALTHY] = "unhealthy",
};

const char *container_state_word(ContainerState state)
{
    return state_words[state];
}

ContainerState container_state_parse(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(state_words); i++)
        if (strcmp(word, state_words[i]) == 0)
            return (ContainerState)i;
    return CONTAINER_DEAD;
}

const char *health_state_word(HealthState health)
{
    return health_words[health];
}

HealthState health_state_parse(const char *word)
{
    for (size_t i = 1; i < ARRAY_LEN(health_words); i++)
        if (strcmp(word, health_words[i]) == 0)
            return (HealthState)i;
    return HEALTH_NONE;
}

static void container_done(Container *container)
{
    free(container->id);
    free(container->name);
    free(container->service);
    free(container->uid);
    free(container->config);
    free(container->image);
    free(container->digest);
    free(container->ip);
    free(container->error);
}

void observed_done(Observed *observed)
{
    for (size_t i = 0; i < observed->container_count; i++)
        container_done(&observed->containers[i]);
    for (size_t i = 0; i < observed->volume_count; i++) {
        free(observed->volumes[i].name);
        free(observed->volumes[i].uid);
    }
    free(observed->containers);
    free(observed->volumes);
    *observed = (Observed){ 0 };
}
