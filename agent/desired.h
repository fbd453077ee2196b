/* What the control plane wants on this node: the assignments, decoded once, never changed after.
 *
 * A Desired is shared between the threads by counting: whoever keeps one takes a reference. */
#ifndef AGENT_DESIRED_H
#define AGENT_DESIRED_H

#include "cara/err.h"
#include "cara/mem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_HASH_SIZE 17 /* 16 hex digits */
#define DEFAULT_GRACE_MS 10000

typedef enum RestartPolicy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER } RestartPolicy;
typedef enum PullPolicy { PULL_IF_NOT_PRESENT, PULL_ALWAYS, PULL_NEVER } PullPolicy;

typedef struct DesiredService {
    char *name;
    char *image;
    RestartPolicy restart;
    PullPolicy pull;
    int64_t grace_ms;
    bool has_health;
    bool exclusive; /* holds what one container at a time can have: volumes, host ports */
    json_t *engine; /* the engine's create body, less what names and labels add */
    char config[CONFIG_HASH_SIZE]; /* hash of `engine`: another one needs a new container */
} DesiredService;

typedef struct DesiredVolume {
    char *name;
    bool lasting; /* type Local: its data goes only with the project */
} DesiredVolume;

typedef struct DesiredIngress { /* as SQL resolved it */
    char *host;
    char *path;
    char *service;
    int port;
} DesiredIngress;

typedef struct Desired {
    char *project;
    char *uid;
    int64_t epoch;
    int64_t generation;
    bool removed;
    bool deleted; /* removed because the project itself is: no data is kept */
    char *phase;  /* as the control plane last stored it, "" when not given */
    DesiredService *services;
    size_t service_count;
    DesiredVolume *volumes;
    size_t volume_count;
    DesiredIngress *ingress;
    size_t ingress_count;
    int references;
} Desired;

typedef struct Assignments {
    Desired **items; /* one reference each */
    size_t count;
} Assignments;

/* Decodes the body of GET /nodes/{name}/assignments. An item that cannot be understood fails the
 * whole: acting on half a list could remove what is still wanted. */
int assignments_parse(const char *body, size_t len, Assignments *ret, Err *err);
void assignments_done(Assignments *assignments);

/* One item, for tests and for parse. */
Desired *desired_parse(const json_t *item, Err *err);

/* A project that no assignment names: nothing of it shall be left but lasting data, as nobody said
 * that it was deleted. */
Desired *desired_leftover(const char *project);

Desired *desired_ref(Desired *desired);
void desired_unref(Desired *desired);
DEFINE_CLEANUP(Desired *, desired_unref);

bool desired_same(const Desired *a, const Desired *b); /* asks for the same thing */

const DesiredService *desired_service(const Desired *desired, const char *name);

#endif
