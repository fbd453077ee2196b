#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "print.h"

static const Flag flags[] = {
    { "dry-run", 0, NULL, NULL, false, "only tell what would move", NULL },
    { .name = NULL },
};

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    bool dry_run = command_line_is_set(line, "dry-run");
    _cleanup_(json_decrefp) json_t *plan = NULL;

    if (api_call(ctl, "POST", dry_run ? "/api/v1/rebalance?dryRun=true" : "/api/v1/rebalance", NULL,
                 NULL, &plan, err) < 0)
        return err_prefix(err, "rebalance");
    if (!json_is_array(json_object_get(plan, "items")))
        return err_set(err, ERR_HTTP,
                       "rebalance: decode response: there is no list of items in it");
    if (print_data(plan, ctl->output, &ctl->out))
        return 0;
    if (ctl->output == OUTPUT_NAME) {
        print_plan_names(plan, &ctl->out);
        return 0;
    }
    print_plan(plan, &ctl->out);
    buf_add_str(&ctl->out, "Rebalance: ");
    print_plan_summary(plan, &ctl->out);
    buf_add_str(&ctl->out, dry_run ? ". Nothing was changed.\n" : ".\n");
    return 0;
}

extern const Command cmd_rebalance;
const Command cmd_rebalance = {
    .path = "rebalance",
    .brief = "Move projects from crowded nodes to emptier ones",
    .flags = flags,
    .run = run,
};
