/* An engine in memory, for the tests of the plan: it does steps as the real one would, refuses what
 * the real one would refuse, and its containers behave as told. */
#ifndef TESTS_PLAN_MODEL_H
#define TESTS_PLAN_MODEL_H

#include "plan.h"

#define MODEL_MAX 12

/* What a container does when it is started. */
typedef enum Behaviour {
    RUNS,          /* and becomes healthy if it has a check */
    CRASHES,       /* exits with 1 at once */
    ENDS,          /* exits with 0 at once */
    NEVER_HEALTHY, /* becomes unhealthy */
    REFUSED,       /* the engine cannot start it */
} Behaviour;

typedef struct Model {
    Observed observed;
    Desired *desired;
    History history;
    int64_t now_ms;
    Behaviour wanted;   /* of containers with the wanted config */
    Behaviour earlier;  /* of others */
    bool image_missing; /* until pulled */
    int refused;        /* steps that were */
    int max_up;         /* most containers of one service up at once */
    bool gap;           /* at some time none was up, after one had been */
    int created;
} Model;

/* One project "web" with one service "app". `spec` is what follows {"name":"app","image":"demo:1",
 */
Desired *model_desired(const char *service_members, int generation);

void model_init(Model *model, Desired *desired);
void model_done(Model *model);

Container *model_add(Model *model, const char *name, const char *config, const char *uid,
                     ContainerState state);

/* One step; 0 done, -1 refused (and remembered in the history as the executor would). */
int model_do(Model *model, const Step *step);

/* Plans and does the first `count` steps (all when -1). Returns how many the plan had. */
size_t model_round(Model *model, int count);

/* Rounds, with the clock moved on, until there is nothing to do and nothing to wait for, or the
 * plan only waits for a retry. False when it does not come to rest. */
bool model_settle(Model *model);

/* The reason of the next phase that is told, as steps are done and time passes; NULL when none is.
 */
const char *model_phase_told(Model *model);

/* "create network, create app, start app" of the next plan; owned by the caller. */
char *model_steps(const Model *model);

#endif
