/* Following what becomes of nodes or projects: a list, then a watch from the list's
 * resourceVersion. Connections that break or fall silent are opened anew from where the last one
 * got; when the server has forgotten that position, the list is asked for again and what differs is
 * told, so that nothing is missed and nothing told twice. Sinks see only what matters. */
#ifndef CTL_FOLLOW_H
#define CTL_FOLLOW_H

#include "ctl.h"
#include "watch_lines.h"

#include <jansson.h>

/* What a sink returns. */
#define FOLLOW_ENOUGH 0
#define FOLLOW_ON     1

typedef struct Follow {
    const char *path;         /* as listing_path gives it */
    const char *const *names; /* those that matter; none for all */
    size_t name_count;
    int chunk;
    int64_t deadline; /* monotonic milliseconds, INT64_MAX for none */
    bool patient;     /* a server that is away at the very beginning is waited for as well */

    /* Each returns FOLLOW_ON, FOLLOW_ENOUGH, or -1 with err; each but on_change may be NULL. */
    int (*on_list)(void *arg, const json_t *items, Err *err); /* what is there, once, at first */
    int (*on_change)(void *arg, WatchType type, const json_t *object, Err *err);
    int (*on_tick)(void *arg, Err *err); /* about once a second */
    void *arg;
} Follow;

/* Returns FOLLOW_ENOUGH when a sink had enough, FOLLOW_ON when the deadline came first, -1 with err
 * when a sink failed or the server refuses. The object of a deletion that was missed while away has
 * nothing but its name. */
int follow(Ctl *ctl, const Follow *options, Err *err);

#endif
