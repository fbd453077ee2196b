/* caractrl wait: until nodes or projects have come as far as --for says. */
#include "cara/mem.h"
#include "cara/names.h"
#include "cara/time.h"
#include "command.h"
#include "condition.h"
#include "follow.h"
#include "json_at.h"
#include "listing.h"
#include "resource.h"

#include <inttypes.h>
#include <string.h>

#define TIMEOUT_MAX_MS (INT64_C(7) * 24 * 3600 * 1000) /* what kubectl makes of a negative one */

#define FOR_FLAG                                                                                   \
    {                                                                                              \
        "for", 0, "condition", NULL, true,                                                         \
            "phase=PHASE of projects, state=STATE of nodes, condition=TYPE[=STATUS], create or "   \
            "delete",                                                                              \
            NULL                                                                                   \
    }
#define TIMEOUT_FLAG                                                                               \
    {                                                                                              \
        "timeout", 0, "duration", "30s", false,                                                    \
            "how long to wait; 0 looks once, a negative one waits a week", NULL                    \
    }

static const Flag path_flags[] = {
    FOR_FLAG,
    TIMEOUT_FLAG,
    { .name = NULL },
};

static const Flag flags[] = {
    ALL_FLAG, FOR_FLAG, SELECTOR_FLAG, TIMEOUT_FLAG, { .name = NULL },
};

typedef struct Wait {
    Ctl *ctl;
    const Resource *resource;
    Condition condition;
    const char *timeout;
    bool selects;  /* by -l or --all rather than by name */
    json_t *names; /* owned: what is waited for */
    json_t *last;  /* owned: name -> the object as it was seen last, of those not yet that far */
    json_t *met;   /* owned: objects that have come that far */
} Wait;

static void wait_done(Wait *w)
{
    json_decref(w->names);
    json_decref(w->last);
    json_decref(w->met);
}

/* ---- one at a time --------------------------------------------------------------------------- */

/* It is as it should be: said at once, and waited for no longer. `object` is NULL for what is gone.
 */
static void meet(Wait *w, const char *name, const json_t *object)
{
    Ctl *ctl = w->ctl;

    if (object != NULL)
        json_array_append_new(w->met, json_keep(object));
    if (ctl->output == OUTPUT_TABLE || ctl->output == OUTPUT_WIDE)
        buf_printf(&ctl->out, "%s/%s condition met\n", w->resource->singular, name);
    else if (ctl->output == OUTPUT_NAME)
        buf_printf(&ctl->out, "%s/%s\n", w->resource->singular, name);
    json_object_del(w->last, name);
}

static int result_so_far(Wait *w, Err *err)
{
    if (ctl_flush(w->ctl, err) < 0)
        return -1;
    return json_object_size(w->last) == 0 ? FOLLOW_ENOUGH : FOLLOW_ON;
}

/* A name that is not there: for some conditions that is all that can be said. */
static int miss(Wait *w, const char *name, const char *what, Err *err)
{
    ConditionKind kind = w->condition.kind;

    if (kind == CONDITION_DELETE) {
        meet(w, name, NULL);
    } else if (kind == CONDITION_CREATE) {
        json_object_set_new(w->last, name, json_null());
    } else {
        json_object_del(w->last, name);
        err_set_status(err, ERR_HTTP, 404, "wait: %s \"%.253s\" %s", w->resource->singular, name,
                       what);
        ctl_tell_failure(w->ctl, err);
    }
    return 0;
}

static void look(Wait *w, const char *name, const json_t *object)
{
    if (condition_met(&w->condition, object))
        meet(w, name, object);
    else
        json_object_set_new(w->last, name, json_keep(object));
}

/* ---- what follow tells ----------------------------------------------------------------------- */

/* One of that name with another uid is not what is waited for: that is gone. */
static void see(Wait *w, const char *name, const json_t *object, const char *else_what, Err *err)
{
    const json_t *before = json_object_get(w->last, name);

    if (object != NULL && json_is_object(before) &&
        strcmp(json_text_at(before, "metadata.uid"), json_text_at(object, "metadata.uid")) != 0)
        object = NULL;
    if (object != NULL)
        look(w, name, object);
    else
        miss(w, name, else_what, err);
}

static const char gone[] = "was deleted while it was waited for";

static int on_list(void *arg, const json_t *items, Err *err)
{
    Wait *w = arg;
    _cleanup_(json_decrefp) json_t *there = json_object();
    size_t i;
    json_t *item;

    json_array_foreach (items, i, item)
        json_object_set(there, json_text_at(item, "metadata.name"), item);
    json_array_foreach (w->names, i, item)
        see(w, json_string_value(item), json_object_get(there, json_string_value(item)),
            w->selects ? gone : "is not there; --for=create waits for it", err);
    return result_so_far(w, err);
}

static int on_change(void *arg, WatchType type, const json_t *object, Err *err)
{
    Wait *w = arg;
    const char *name = json_text_at(object, "metadata.name");

    if (json_object_get(w->last, name) == NULL)
        return FOLLOW_ON; /* is waited for no longer */
    see(w, name, type != WATCH_DELETED ? object : NULL, gone, err);
    return result_so_far(w, err);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void tell_late(Wait *w, Err *err)
{
    const char *name;
    json_t *object;

    json_object_foreach (w->last, name, object) {
        _cleanup_(buf_done) Buf state = { .max = 4096 };
        _cleanup_(buf_done) Buf plain = { .max = 4096 };
        condition_describe(json_is_null(object) ? NULL : object, &state);
        print_styled(buf_str(&state), false, &plain);
        bool waits_for_place = strcmp(json_text_at(object, "status.phase"), PHASE_PENDING) == 0;
        err_set(err, ERR_UNAVAILABLE,
                "wait: timed out after %.32s waiting for %.64s on %s/%.253s: "
                "it is %.400s%s%.100s%s",
                w->timeout, w->condition.words, w->resource->singular, name, buf_str(&plain),
                waits_for_place ? "; caractrl why " : "", waits_for_place ? name : "",
                waits_for_place ? " tells what would help" : "");
        ctl_tell_failure(w->ctl, err);
    }
}

static void print_met(Wait *w, Err *err)
{
    if (w->ctl->output != OUTPUT_JSON && w->ctl->output != OUTPUT_YAML)
        return;
    _cleanup_(mem_freep) char *kind = mem_printf("%sList", w->resource->kind);
    _cleanup_(json_decrefp) json_t *list = json_pack(
        "{s:s, s:s, s:O}", "apiVersion", "caravanserai/v1", "kind", kind, "items", w->met);
    size_t count = json_array_size(w->met);
    if (count > 0)
        resource_print(w->ctl, w->resource, w->met,
                       count == 1 && !w->selects ? json_array_get(w->met, 0) : list, err);
}

static int parse_timeout(const char *text, int64_t *ret_ms, Err *err)
{
    bool is_negative = text[0] == '-';

    if (time_parse_duration(text + is_negative, ret_ms, err) < 0)
        return err_prefix(err, "wait: --timeout");
    if (is_negative || *ret_ms > TIMEOUT_MAX_MS)
        *ret_ms = TIMEOUT_MAX_MS;
    return 0;
}

/* What is waited for is chosen once: what ceases to match meanwhile is not gone for that. */
static int choose(Wait *w, const CommandLine *line, Err *err)
{
    _cleanup_(json_decrefp) json_t *list = NULL;
    size_t i;
    json_t *item;

    for (i = 0; i < line->arg_count; i++) {
        const char *name = listing_name(line, w->resource, line->args[i], err);
        if (name == NULL)
            return -1;
        json_array_append_new(w->names, json_string(name));
    }
    if (!w->selects)
        return 0;
    _cleanup_(mem_freep) char *path = listing_path(w->resource, line, NULL, 0);
    if (listing_fetch(w->ctl, path, CHUNK_OBJECTS, &list, err) < 0)
        return -1;
    json_array_foreach (json_object_get(list, "items"), i, item) {
        const char *name = json_text_at(item, "metadata.name");
        json_array_append_new(w->names, json_string(name));
        json_object_set(w->last, name, item);
    }
    if (json_array_size(w->names) == 0 && w->condition.kind != CONDITION_DELETE)
        return err_set(err, ERR_INVALID, "wait: there are no %s that match", w->resource->plural);
    return 0;
}

static int wait_for_chosen(Wait *w, int64_t deadline, Err *err)
{
    size_t count = json_array_size(w->names);

    if (count == 0)
        return FOLLOW_ENOUGH;
    const char **names = listing_strings(w->names);
    _cleanup_(mem_freep) char *path = listing_path(w->resource, NULL, names, count);
    Follow options = { .path = path,
                       .names = names,
                       .name_count = count,
                       .chunk = CHUNK_OBJECTS,
                       .deadline = deadline,
                       .on_list = on_list,
                       .on_change = on_change,
                       .arg = w };
    int result = follow(w->ctl, &options, err);
    free(names);
    return result;
}

static int run(Ctl *ctl, const Resource *resource, const CommandLine *line, Err *err)
{
    _cleanup_(wait_done) Wait w = { .ctl = ctl,
                                    .resource = resource,
                                    .timeout = command_line_value(line, "timeout"),
                                    .selects = line->arg_count == 0,
                                    .names = json_array(),
                                    .last = json_object(),
                                    .met = json_array() };
    int64_t timeout;

    if (condition_parse(command_line_value(line, "for"), resource, &w.condition, err) < 0)
        return err_prefix(err, "wait");
    if (w.condition.kind == CONDITION_CREATE && w.selects)
        return err_set(err, ERR_INVALID, "wait: --for=create needs names");
    if (parse_timeout(w.timeout, &timeout, err) < 0)
        return -1;
    int64_t deadline = time_monotonic_ms() + timeout;
    if (timeout > 0 && timeout < ctl->timeout_ms)
        ctl->timeout_ms = (int)timeout;
    if (choose(&w, line, err) < 0)
        return -1;
    int result = wait_for_chosen(&w, deadline, err);
    if (result < 0)
        return -1;
    if (result == FOLLOW_ON)
        tell_late(&w, err);
    print_met(&w, err);
    return 0;
}

static int run_node(Ctl *ctl, const CommandLine *line, Err *err)
{
    return run(ctl, &resource_node, line, err);
}

static int run_project(Ctl *ctl, const CommandLine *line, Err *err)
{
    return run(ctl, &resource_project, line, err);
}

/* "caractrl wait project/web ..." */
static int run_by_path(Ctl *ctl, const CommandLine *line, Err *err)
{
    const Resource *resource = NULL;
    const char *name;

    for (size_t i = 0; i < line->arg_count; i++) {
        const Resource *this = resource_of_arg(line->args[i], &name);
        if (this == NULL || this == &resource_event)
            return err_set(err, ERR_INVALID,
                           "wait: \"%.64s\" names nothing: write project/NAME or node/NAME",
                           line->args[i]);
        if (resource != NULL && this != resource)
            return err_set(err, ERR_INVALID,
                           "wait: nodes and projects have to be waited for one "
                           "kind at a time");
        resource = this;
    }
    return run(ctl, resource, line, err);
}

extern const Command cmd_wait, cmd_wait_node, cmd_wait_project;
const Command cmd_wait = {
    .path = "wait",
    .args = "KIND/NAME... --for=CONDITION",
    .brief = "Wait until nodes or projects have come as far as --for says",
    .flags = path_flags,
    .min_args = 1,
    .max_args = ARGS_ANY,
    .run = run_by_path,
};
const Command cmd_wait_node = {
    .path = "wait node",
    .alias = "nodes",
    .args = "<name>... --for=CONDITION",
    .brief = "Wait for nodes",
    .flags = flags,
    .min_args = 1,
    .max_args = ARGS_ANY,
    .selects = true,
    .complete = COMPLETE_NODES,
    .run = run_node,
};
const Command cmd_wait_project = {
    .path = "wait project",
    .alias = "projects",
    .args = "<name>... --for=CONDITION",
    .brief = "Wait for projects",
    .flags = flags,
    .min_args = 1,
    .max_args = ARGS_ANY,
    .selects = true,
    .complete = COMPLETE_PROJECTS,
    .run = run_project,
};
