#include "resource.h"

#include "cara/mem.h"
#include "cara/time.h"
#include "describe.h"
#include "json_at.h"
#include "print.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* ---- cells ----------------------------------------------------------------------------------- */

static void print_age(const char *text, int64_t now, Buf *out)
{
    int64_t then;
    bool zero;
    char age[TIME_TEXT_MAX] = "<unknown>";

    if (time_parse_rfc3339(text, &then, &zero, NULL) == 0 && !zero)
        time_format_age(then, now, age);
    buf_add_str(out, age);
}

#define TEXT_COLUMN(name, path, empty)                                                             \
    static void name(const json_t *object, int64_t now, Buf *out)                                  \
    {                                                                                              \
        (void)now;                                                                                 \
        print_cell(json_text_at(object, path), empty, out);                                        \
    }                                                                                              \
    _Static_assert(1, "")

#define AGE_COLUMN(name, path)                                                                     \
    static void name(const json_t *object, int64_t now, Buf *out)                                  \
    {                                                                                              \
        print_age(json_text_at(object, path), now, out);                                           \
    }                                                                                              \
    _Static_assert(1, "")

#define INT_COLUMN(name, path)                                                                     \
    static void name(const json_t *object, int64_t now, Buf *out)                                  \
    {                                                                                              \
        (void)now;                                                                                 \
        buf_printf(out, "%" PRId64, json_int_at(object, path));                                    \
    }                                                                                              \
    _Static_assert(1, "")

TEXT_COLUMN(name_cell, "metadata.name", "");
AGE_COLUMN(created_cell, "metadata.createdAt");
INT_COLUMN(generation_cell, "metadata.generation");

TEXT_COLUMN(state_cell, "status.state", "<unknown>");
TEXT_COLUMN(ip_cell, "status.network.ip", "<none>");
TEXT_COLUMN(cpu_cell, "status.capacity.cpu", "<none>");
TEXT_COLUMN(memory_cell, "status.capacity.memory", "<none>");
TEXT_COLUMN(version_cell, "status.info.agentVersion", "<none>");
TEXT_COLUMN(os_cell, "status.info.osImage", "<none>");
TEXT_COLUMN(kernel_cell, "status.info.kernelVersion", "<none>");

static void schedulable_cell(const json_t *object, int64_t now, Buf *out)
{
    bool draining = strcmp(json_text_at(object, "status.state"), "Draining") == 0;

    (void)now;
    if (draining || json_is_true_at(object, "spec.unschedulable"))
        buf_printf(out, "no (%s)", draining ? "draining" : "cordoned");
    else
        buf_add_str(out, "yes");
}

/* "gpu=only:NoSchedule,..." */
static void taints_cell(const json_t *object, int64_t now, Buf *out)
{
    const json_t *taints = json_at(object, "spec.taints");
    size_t i;
    json_t *taint;

    (void)now;
    if (json_array_size(taints) == 0)
        buf_add_str(out, "<none>");
    json_array_foreach (taints, i, taint) {
        buf_add_str(out, i > 0 ? "," : "");
        describe_add_taint(taint, out);
    }
}

TEXT_COLUMN(phase_cell, "status.phase", "<unknown>");
TEXT_COLUMN(node_cell, "status.nodeRef", "<none>");

static void conditions_cell(const json_t *object, int64_t now, Buf *out)
{
    const json_t *conditions = json_at(object, "status.conditions");
    size_t count = json_array_size(conditions);

    (void)now;
    if (count == 0)
        buf_add_str(out, "-");
    else
        print_clean(json_text_at(json_array_get(conditions, count - 1), "reason"), out);
}

static void services_cell(const json_t *object, int64_t now, Buf *out)
{
    size_t i;
    json_t *service;
    size_t running = 0;

    (void)now;
    json_array_foreach (json_at(object, "status.services"), i, service)
        running += strcmp(json_text_at(service, "state"), "running") == 0;
    buf_printf(out, "%zu/%zu", running, json_array_size(json_at(object, "spec.services")));
}

static void images_cell(const json_t *object, int64_t now, Buf *out)
{
    size_t i;
    json_t *service;

    (void)now;
    json_array_foreach (json_at(object, "spec.services"), i, service) {
        buf_add_str(out, i > 0 ? "," : "");
        print_clean(json_text_at(service, "image"), out);
    }
}

AGE_COLUMN(last_seen_cell, "lastTimestamp");
AGE_COLUMN(first_seen_cell, "firstTimestamp");
TEXT_COLUMN(type_cell, "type", "");
TEXT_COLUMN(reason_cell, "reason", "");
TEXT_COLUMN(message_cell, "message", "");
TEXT_COLUMN(actor_cell, "actor", "<none>");
INT_COLUMN(count_cell, "count");

TEXT_COLUMN(setting_name_cell, "name", "");
TEXT_COLUMN(value_cell, "value", "<none>");
TEXT_COLUMN(kind_cell, "kind", "<none>");
TEXT_COLUMN(comment_cell, "comment", "<none>");

static void object_cell(const json_t *object, int64_t now, Buf *out)
{
    const char *kind = json_text_at(object, "involvedObject.kind");
    const Resource *resource = resource_of_word(kind);
    bool is_cluster = strcmp(kind, "Cluster") == 0; /* as --for takes it */

    (void)now;
    print_clean(resource != NULL ? resource->singular : is_cluster ? "cluster" : kind, out);
    buf_add_str(out, "/");
    print_clean(json_text_at(object, "involvedObject.name"), out);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const Column node_columns[] = {
    { "NAME", false, name_cell },
    { "STATE", false, state_cell },
    { "IP", false, ip_cell },
    { "AGE", false, created_cell },
    { "SCHEDULABLE", true, schedulable_cell },
    { "TAINTS", true, taints_cell },
    { "CPU", true, cpu_cell },
    { "MEMORY", true, memory_cell },
    { "VERSION", true, version_cell },
    { "OS-IMAGE", true, os_cell },
    { "KERNEL", true, kernel_cell },
    { .title = NULL },
};

static const Column project_columns[] = {
    { "NAME", false, name_cell },
    { "PHASE", false, phase_cell },
    { "NODE", false, node_cell },
    { "CONDITIONS", false, conditions_cell },
    { "AGE", false, created_cell },
    { "SERVICES", true, services_cell },
    { "GENERATION", true, generation_cell },
    { "IMAGES", true, images_cell },
    { .title = NULL },
};

static const Column event_columns[] = {
    { "LAST SEEN", false, last_seen_cell },
    { "TYPE", false, type_cell },
    { "REASON", false, reason_cell },
    { "OBJECT", false, object_cell },
    { "FIRST SEEN", true, first_seen_cell },
    { "COUNT", true, count_cell },
    { "ACTOR", true, actor_cell },
    { "MESSAGE", false, message_cell },
    { .title = NULL },
};

static const Column setting_columns[] = {
    { "NAME", false, setting_name_cell },
    { "VALUE", false, value_cell },
    { "KIND", true, kind_cell },
    { "DESCRIPTION", false, comment_cell },
    { .title = NULL },
};

const Resource resource_node = { "Node",          "node",          "nodes",
                                 "/api/v1/nodes", "metadata.name", node_columns };
const Resource resource_project = { "Project",          "project",       "projects",
                                    "/api/v1/projects", "metadata.name", project_columns };
const Resource resource_event = { "Event", "event", "events", "/api/v1/events", "", event_columns };
const Resource resource_setting = { "Setting",          "setting", "settings",
                                    "/api/v1/settings", "name",    setting_columns };

/* What get, delete and describe take; settings have a command of their own. */
static const Resource *const resources[] = { &resource_node, &resource_project, &resource_event };

const Resource *resource_of_kind(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(resources); i++)
        if (strcmp(resources[i]->kind, kind) == 0)
            return resources[i];
    return NULL;
}

const Resource *resource_of_word(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(resources); i++)
        if (strcasecmp(resources[i]->singular, word) == 0 ||
            strcasecmp(resources[i]->plural, word) == 0)
            return resources[i];
    return NULL;
}

const Resource *resource_of_arg(const char *arg, const char **ret_name)
{
    const char *slash = strchr(arg, '/');

    if (slash == NULL || slash[1] == '\0')
        return NULL;
    _cleanup_(mem_freep) char *word = mem_strndup(arg, (size_t)(slash - arg));
    const Resource *resource = resource_of_word(word);
    if (resource != NULL)
        *ret_name = slash + 1;
    return resource;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void add_titles(const Ctl *ctl, const Resource *resource, const char *event, Buf *text)
{
    bool wide = ctl->output == OUTPUT_WIDE;

    buf_add_str(text, event != NULL ? "EVENT\t" : "");
    for (const Column *c = resource->columns; c->title != NULL; c++)
        if (wide || !c->wide)
            buf_printf(text, "%s%s", c > resource->columns ? "\t" : "", c->title);
    buf_add_str(text, "\n");
}

static void add_rows(const Ctl *ctl, const Resource *resource, const json_t *items,
                     const char *event, Buf *text)
{
    bool wide = ctl->output == OUTPUT_WIDE;
    size_t i;
    json_t *object;

    json_array_foreach (items, i, object) {
        if (event != NULL)
            buf_printf(text, "%s\t", event);
        for (const Column *c = resource->columns; c->title != NULL; c++) {
            if (!wide && c->wide)
                continue;
            buf_add_str(text, c > resource->columns ? "\t" : "");
            c->print(object, ctl->now, text);
        }
        buf_add_str(text, "\n");
    }
}

void resource_print_rows(Ctl *ctl, const Resource *resource, const json_t *items,
                         ResourceRows *rows)
{
    _cleanup_(buf_done) Buf text = { .max = CTL_OUTPUT_MAX };

    if (json_array_size(items) == 0)
        return;
    if (!rows->headed)
        add_titles(ctl, resource, rows->event, &text);
    rows->headed = true;
    add_rows(ctl, resource, items, rows->event, &text);
    print_table_more(buf_str(&text), &rows->widths, &ctl->out);
}

static void print_columns(const Ctl *ctl, const Resource *resource, const json_t *items, Buf *out)
{
    _cleanup_(buf_done) Buf text = { .max = CTL_OUTPUT_MAX };

    add_titles(ctl, resource, NULL, &text);
    add_rows(ctl, resource, items, NULL, &text);
    print_table(buf_str(&text), out);
}

int resource_print(Ctl *ctl, const Resource *resource, const json_t *items, const json_t *whole,
                   Err *err)
{
    size_t i;
    json_t *object;

    switch (ctl->output) {
    case OUTPUT_JSON:
        print_json(whole, &ctl->out);
        break;
    case OUTPUT_YAML:
        print_yaml(whole, &ctl->out);
        break;
    case OUTPUT_NAME:
        if (resource == &resource_event)
            return err_set(err, ERR_INVALID,
                           "events have no names: use -o table, wide, json or yaml");
        json_array_foreach (items, i, object) {
            buf_printf(&ctl->out, "%s/", resource->singular);
            print_clean(json_text_at(object, resource->name_at), &ctl->out);
            buf_add_str(&ctl->out, "\n");
        }
        break;
    default:
        print_columns(ctl, resource, items, &ctl->out);
    }
    return 0;
}
