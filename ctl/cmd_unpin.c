#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "listing.h"
#include "print.h"
#include "resource.h"

static const Flag flags[] = { SELECTOR_FLAG, { .name = NULL } };

static int unpin(Ctl *ctl, const char *name, json_t **ret, Err *err)
{
    _cleanup_(mem_freep) char *item = api_item_path(resource_project.path, name);
    _cleanup_(mem_freep) char *path = mem_printf("%s/unpin", item);

    if (api_call(ctl, "POST", path, NULL, NULL, ret, err) < 0)
        return err_prefix(err, "unpin project \"%.253s\"", name);
    return 0;
}

/* One that fails is told, the others are done. */
static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(json_decrefp) json_t *names = NULL;
    _cleanup_(json_decrefp) json_t *projects = json_array();
    size_t i;
    json_t *name;

    if (listing_select(ctl, &resource_project, line, &names, err) < 0)
        return -1;
    json_array_foreach (names, i, name) {
        json_t *project = NULL;
        if (unpin(ctl, json_string_value(name), &project, err) < 0) {
            ctl_tell_failure(ctl, err);
            continue;
        }
        json_array_append_new(projects, project);
        if (ctl->output != OUTPUT_JSON && ctl->output != OUTPUT_YAML)
            buf_printf(&ctl->out, "project/%s%s\n", json_string_value(name),
                       ctl->output == OUTPUT_NAME ? "" : " unpinned");
    }
    _cleanup_(json_decrefp) json_t *list =
        json_pack("{s:s, s:s, s:O}", "apiVersion", "caravanserai/v1", "kind", "ProjectList",
                  "items", projects);
    bool one = line->arg_count == 1;
    if (!one || json_array_size(projects) == 1)
        print_data(one ? json_array_get(projects, 0) : list, ctl->output, &ctl->out);
    return 0;
}

extern const Command cmd_unpin;
const Command cmd_unpin = {
    .path = "unpin",
    .args = "PROJECT",
    .brief = "Let a project run elsewhere than where its data is, without that data",
    .flags = flags,
    .selects = true,
    .min_args = 1,
    .max_args = 1,
    .complete = COMPLETE_PROJECTS,
    .run = run,
};
