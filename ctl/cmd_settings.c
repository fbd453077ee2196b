/* caractrl settings get and set: what operators may tune. */
#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "json_at.h"
#include "print.h"
#include "resource.h"

#include <string.h>

static int run_get(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(json_decrefp) json_t *answer = NULL;
    _cleanup_(json_decrefp) json_t *one = json_array();
    _cleanup_(mem_freep) char *path = line->arg_count > 0
                                          ? api_item_path(resource_setting.path, line->args[0])
                                          : mem_strdup(resource_setting.path);

    if (api_call(ctl, "GET", path, NULL, NULL, &answer, err) < 0)
        return err_prefix(err, "settings get");
    json_array_append(one, answer);
    const json_t *items = line->arg_count > 0 ? one : json_object_get(answer, "items");
    if (!json_is_array(items))
        return err_set(err, ERR_HTTP,
                       "settings get: decode response: there is no list of items in it");
    return resource_print(ctl, &resource_setting, items, answer, err);
}

static int run_set(Ctl *ctl, const CommandLine *line, Err *err)
{
    const char *word = line->args[0];
    const char *equals = strchr(word, '=');
    _cleanup_(json_decrefp) json_t *answer = NULL;

    if (equals == NULL || equals == word)
        return err_set(err, ERR_INVALID,
                       "settings set: \"%.64s\" is not NAME=VALUE: write it as "
                       "heartbeat_timeout=30s; caractrl settings get shows all names",
                       word);
    _cleanup_(mem_freep) char *name = mem_strndup(word, (size_t)(equals - word));
    _cleanup_(mem_freep) char *path = api_item_path(resource_setting.path, name);
    _cleanup_(json_decrefp) json_t *value = json_pack("{s:s}", "value", equals + 1);
    if (value == NULL)
        return err_set(err, ERR_INVALID, "settings set: %.64s: the value is not UTF-8", name);
    _cleanup_(mem_freep) char *body = json_dumps(value, JSON_COMPACT);
    if (api_call(ctl, "PUT", path, body, NULL, &answer, err) < 0)
        return err_prefix(err, "settings set");
    if (print_data(answer, ctl->output, &ctl->out))
        return 0;
    buf_add_str(&ctl->out, "setting/");
    print_clean(json_text_at(answer, "name"), &ctl->out);
    if (ctl->output != OUTPUT_NAME) {
        buf_add_str(&ctl->out, " set to ");
        print_clean(json_text_at(answer, "value"), &ctl->out);
    }
    buf_add_str(&ctl->out, "\n");
    return 0;
}

extern const Command cmd_settings, cmd_settings_get, cmd_settings_set;
const Command cmd_settings = {
    .path = "settings",
    .brief = "Show or change what the cluster goes by: times, limits, rates",
};
const Command cmd_settings_get = {
    .path = "settings get",
    .args = "[NAME]",
    .brief = "Show all settings, or one",
    .max_args = 1,
    .complete = COMPLETE_SETTINGS,
    .run = run_get,
};
const Command cmd_settings_set = {
    .path = "settings set",
    .args = "NAME=VALUE",
    .brief = "Change a setting; it holds at once",
    .min_args = 1,
    .max_args = 1,
    .complete = COMPLETE_SETTINGS,
    .run = run_set,
};
