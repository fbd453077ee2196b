#include "api.h"
#include "apply_wait.h"
#include "cara/mem.h"
#include "cara/time.h"
#include "command.h"
#include "json_at.h"
#include "manifest.h"
#include "print.h"
#include "resource.h"

#include <stdio.h>
#include <string.h>

#define APPLY_TIMEOUT_MS 300000 /* thousands of objects may be in one */

static const Flag flags[] = {
    { "filename", 'f', "string", NULL, true,
      "file, directory or URL of manifests, - for stdin; may be given again", NULL },
    { "timeout", 0, "duration", "5m", false, "with --wait: how long; 0 for ever", NULL },
    { "wait", 0, NULL, NULL, false, "wait until the projects run, and show how far they are",
      NULL },
    { .name = NULL },
};

/* All manifests in one body, so that the server takes all of them or none. */
static char *encode(json_t *items, Err *err)
{
    _cleanup_(json_decrefp) json_t *list = json_pack(
        "{s:s, s:s, s:O}", "apiVersion", "caravanserai/v1", "kind", "List", "items", items);

    return manifest_encode(list, json_array_size(items), "apply", err);
}

static void print_lines(Ctl *ctl, const json_t *results)
{
    size_t i;
    json_t *item;

    json_array_foreach (results, i, item) {
        const char *kind = json_text_at(item, "kind");
        const Resource *resource = resource_of_kind(kind);
        print_clean(resource != NULL ? resource->singular : kind, &ctl->out);
        buf_add_str(&ctl->out, "/");
        print_clean(json_text_at(item, "name"), &ctl->out);
        if (ctl->output != OUTPUT_NAME) {
            buf_add_str(&ctl->out, " ");
            print_clean(json_text_at(item, "result"), &ctl->out);
        }
        buf_add_str(&ctl->out, "\n");
    }
}

/* The objects of all results, in JSON or YAML. */
static int print_objects(Ctl *ctl, const json_t *results)
{
    _cleanup_(json_decrefp) json_t *objects = json_array();
    size_t i;
    json_t *item;

    json_array_foreach (results, i, item) {
        json_t *object = json_object_get(item, "object");
        if (object != NULL)
            json_array_append(objects, object);
    }
    _cleanup_(json_decrefp) json_t *list = json_pack(
        "{s:s, s:s, s:O}", "apiVersion", "caravanserai/v1", "kind", "List", "items", objects);
    const json_t *whole = json_array_size(objects) == 1 ? json_array_get(objects, 0) : list;
    if (ctl->output == OUTPUT_JSON)
        print_json(whole, &ctl->out);
    else
        print_yaml(whole, &ctl->out);
    return 0;
}

/* A manifest that was read with caractrl get says which version it goes by: what that means is
 * said. */
static int fail(Err *err)
{
    size_t len = strlen(err->message);

    if (err->status == 409 && strstr(err->message, "resourceVersion") != NULL)
        snprintf(err->message + len, sizeof(err->message) - len,
                 " (caractrl get -o yaml shows it; a manifest without metadata.resourceVersion is "
                 "taken whatever changed)");
    return err_prefix(err, "apply");
}

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(json_decrefp) json_t *items = NULL;
    _cleanup_(json_decrefp) json_t *reply = NULL;
    int64_t timeout;

    if (line->arg_count > 0)
        return err_set(err, ERR_INVALID,
                       "apply: unexpected argument \"%.200s\": give each file its own -f, or a "
                       "directory",
                       line->args[0]);
    if (command_line_duration(line, "timeout", &timeout, err) < 0 ||
        manifest_read_flags(line, "apply", &items, err) < 0)
        return -1;
    _cleanup_(mem_freep) char *body = encode(items, err);
    if (body == NULL)
        return -1;
    int64_t start = time_monotonic_ms();
    ctl->timeout_ms = APPLY_TIMEOUT_MS;
    if (api_call(ctl, "POST", "/api/v1/apply", body, NULL, &reply, err) < 0)
        return fail(err);
    json_t *results = json_object_get(reply, "items");
    if (!json_is_array(results))
        return err_set(err, ERR_HTTP, "apply: decode response: there is no list of items in it");
    bool prints_objects = ctl->output == OUTPUT_JSON || ctl->output == OUTPUT_YAML;
    if (!prints_objects)
        print_lines(ctl, results);
    if (command_line_is_set(line, "wait")) {
        if (ctl_flush(ctl, err) < 0 ||
            apply_wait(ctl, results, start, timeout, command_line_value(line, "timeout"), err) < 0)
            return -1;
    }
    return prints_objects ? print_objects(ctl, results) : 0;
}

extern const Command cmd_apply;
const Command cmd_apply = {
    .path = "apply",
    .args = "-f FILE",
    .brief = "Create or change nodes and projects as manifests say, all or nothing",
    .flags = flags,
    .max_args = ARGS_ANY,
    .run = run,
};
