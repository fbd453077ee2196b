/* What the engine has of one project, as a plain model: the plan reads nothing else. */
#ifndef AGENT_OBSERVED_H
#define AGENT_OBSERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ContainerState {
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_PAUSED,
    CONTAINER_RESTARTING, /* by a restart policy that is not ours */
    CONTAINER_REMOVING,
    CONTAINER_EXITED,
    CONTAINER_DEAD, /* the engine failed to remove it */
} ContainerState;

typedef enum HealthState {
    HEALTH_NONE,
    HEALTH_STARTING,
    HEALTH_HEALTHY,
    HEALTH_UNHEALTHY
} HealthState;

typedef struct Container {
    char *id;
    char *name;
    char *service;
    char *uid;    /* "" on one that an agent of another make created */
    char *config; /* "" likewise */
    char *image;
    char *digest;
    char *ip;
    char *error; /* the engine's, when it could not be started */
    ContainerState state;
    HealthState health;
    int exit_code;
    bool oom;
    bool tty;
    int64_t created_ms;
    int64_t started_ms; /* 0: never */
    int64_t finished_ms;
} Container;

typedef struct Volume {
    char *name; /* the engine's: cara-PROJECT-VOLUME */
    char *uid;
    bool lasting; /* its label says so, whatever the spec says by now */
} Volume;

typedef struct Observed {
    Container *containers;
    size_t container_count;
    Volume *volumes;
    size_t volume_count;
    bool has_network;
} Observed;

void observed_done(Observed *observed);

/* The engine's words ("running", "exited", …). Unknown words read as CONTAINER_DEAD / HEALTH_NONE.
 */
const char *container_state_word(ContainerState state);
ContainerState container_state_parse(const char *word);
const char *health_state_word(HealthState health);
HealthState health_state_parse(const char *word);

#endif
