#include "command.h"
#include "events.h"

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    return events_show(ctl, line, line->arg_count > 0 ? line->args[0] : NULL, err);
}

extern const Command cmd_events;
const Command cmd_events = {
    .path = "events",
    .args = "[KIND/NAME]",
    .brief = "Show what happened lately, to everything or to one node or project",
    .flags = events_flags,
    .max_args = 1,
    .complete = COMPLETE_OBJECTS,
    .run = run,
};
