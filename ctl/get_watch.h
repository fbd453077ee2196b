/* `caractrl get -w`: what there is, then every change, one row or object each. */
#ifndef CTL_GET_WATCH_H
#define CTL_GET_WATCH_H

#include "command.h"
#include "resource.h"

/* Lines of a command's flags. */
#define WATCH_FLAGS                                                                                \
    { "watch", 'w', NULL, NULL, false, "then go on and show every change, until Ctrl-C", NULL },   \
        { "watch-only", 0, NULL, NULL, false, "show the changes alone, not what is there", NULL }, \
    {                                                                                              \
        "output-watch-events", 0, NULL, NULL, false,                                               \
            "with -w: say of each whether it was ADDED, MODIFIED or DELETED", NULL                 \
    }

/* Whether the line asks for it: *ret; -1 with err when its flags do not fit together. */
int get_watch_wanted(const Ctl *ctl, const CommandLine *line, bool *ret, Err *err);

/* Runs until Ctrl-C. Names may be none, for all. */
int get_watch(Ctl *ctl, const Resource *resource, const CommandLine *line, const char *const *names,
              size_t name_count, Err *err);

#endif
