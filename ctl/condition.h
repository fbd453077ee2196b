/* What `caractrl wait --for` waits for, and whether an object has come that far. Pure. */
#ifndef CTL_CONDITION_H
#define CTL_CONDITION_H

#include "cara/buf.h"
#include "cara/err.h"
#include "resource.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum ConditionKind {
    CONDITION_STATUS, /* condition=TYPE[=STATUS] */
    CONDITION_PHASE,  /* phase=PHASE of a project, state=STATE of a node */
    CONDITION_CREATE, /* it is there */
    CONDITION_DELETE, /* it is not there */
} ConditionKind;

typedef struct Condition {
    ConditionKind kind;
    const char *words; /* as it was given, borrowed */
    char type[64];     /* "Ready", "phase" */
    char value[64];    /* "True", "Running" */
} Condition;

/* "phase=Running", "condition=Ready=false", "delete". Fails for what can never come true of this
 * kind, naming what could. */
int condition_parse(const char *text, const Resource *resource, Condition *ret, Err *err);

/* What completion offers behind --for; ended by NULL. */
const char *const *condition_offers(const Resource *resource);

/* Has the object come that far? NULL for one that is not there. What an agent tells of an earlier
 * generation of the spec than the newest does not count. */
bool condition_met(const Condition *condition, const json_t *object);

/* How far it is, in words: "Pending (3 nodes: memory, short by 512Mi)", "NotReady (NodeLost: ...)",
 * "not there". */
void condition_describe(const json_t *object, Buf *out);

/* What an object's status has under conditions of that type, in whatever case; NULL for none. */
const json_t *condition_of(const json_t *object, const char *type);

/* Is what its agent tells about an earlier spec than the newest? */
bool condition_is_outdated(const json_t *object);

#endif
