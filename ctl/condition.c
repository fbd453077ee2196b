#include "condition.h"

#include "cara/mem.h"
#include "cara/names.h"
#include "json_at.h"
#include "print.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const phases[] = { PHASE_PENDING, PHASE_SCHEDULED,   PHASE_RUNNING,
                                      PHASE_FAILED,  PHASE_TERMINATING, PHASE_TERMINATED };
static const char *const states[] = { "Ready", "NotReady", "Draining" };

/* ---- reading --------------------------------------------------------------------------------- */

/* The word of the list that this is, whatever its case; NULL when it is none. */
static const char *find_word(const char *const *words, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(words[i], text) == 0)
            return words[i];
    return NULL;
}

static int parse_phase(const char *text, const Resource *resource, Condition *ret, Err *err)
{
    bool is_node = resource == &resource_node;
    const char *const *words = is_node ? states : phases;
    size_t count = is_node ? ARRAY_LEN(states) : ARRAY_LEN(phases);
    const char *member = is_node ? "state" : "phase";
    const char *equals = strchr(text, '=');
    const char *word = find_word(words, count, equals + 1);
    _cleanup_(buf_done) Buf known = { .max = 512 };

    if (strncmp(text, member, (size_t)(equals - text)) != 0 ||
        strlen(member) != (size_t)(equals - text))
        return err_set(err, ERR_INVALID, "--for %.64s: a %s has a %s, such as --for=%s=%s", text,
                       resource->singular, member, member, is_node ? "Ready" : PHASE_RUNNING);
    for (size_t i = 0; i < count; i++)
        buf_printf(&known, "%s%s", i > 0 ? ", " : "", words[i]);
    if (word == NULL)
        return err_set(err, ERR_INVALID, "--for %.64s: the %s of a %s is one of %s", text, member,
                       resource->singular, buf_str(&known));
    ret->kind = CONDITION_PHASE;
    snprintf(ret->type, sizeof(ret->type), "%s", member);
    snprintf(ret->value, sizeof(ret->value), "%s", word);
    return 0;
}

/* "Ready", "Ready=false" */
static int parse_status(const char *text, Condition *ret, Err *err)
{
    size_t len = strcspn(text, "=");
    const char *value = text[len] == '=' ? text + len + 1 : "True";

    if (len == 0 || len >= sizeof(ret->type) || *value == '\0' ||
        strlen(value) >= sizeof(ret->value))
        return err_set(err, ERR_INVALID,
                       "--for condition=%.64s: write condition=TYPE or condition=TYPE=STATUS, such "
                       "as condition=Ready or condition=Ready=False",
                       text);
    ret->kind = CONDITION_STATUS;
    snprintf(ret->type, sizeof(ret->type), "%.*s", (int)len, text);
    snprintf(ret->value, sizeof(ret->value), "%s", value);
    return 0;
}

int condition_parse(const char *text, const Resource *resource, Condition *ret, Err *err)
{
    *ret = (Condition){ .words = text };
    if (strcasecmp(text, "delete") == 0 || strcasecmp(text, "create") == 0) {
        ret->kind = strcasecmp(text, "delete") == 0 ? CONDITION_DELETE : CONDITION_CREATE;
        return 0;
    }
    if (strncmp(text, "condition=", 10) == 0)
        return parse_status(text + 10, ret, err);
    if (strncmp(text, "phase=", 6) == 0 || strncmp(text, "state=", 6) == 0)
        return parse_phase(text, resource, ret, err);
    return err_set(err, ERR_INVALID,
                   "--for \"%.64s\": one of %s, condition=TYPE[=STATUS], create, delete", text,
                   resource == &resource_node ? "state=STATE" : "phase=PHASE");
}

const char *const *condition_offers(const Resource *resource)
{
    static const char *const of_projects[] = {
        "phase=" PHASE_RUNNING,
        "phase=" PHASE_PENDING,
        "phase=" PHASE_SCHEDULED,
        "phase=" PHASE_FAILED,
        "phase=" PHASE_TERMINATING,
        "condition=Ready",
        "condition=Ready=False",
        "create",
        "delete",
        NULL,
    };
    static const char *const of_nodes[] = {
        "state=Ready",           "state=NotReady", "state=Draining", "condition=Ready",
        "condition=Ready=False", "create",         "delete",         NULL,
    };

    return resource == &resource_node ? of_nodes : of_projects;
}

/* ---- judging --------------------------------------------------------------------------------- */

bool condition_is_outdated(const json_t *object)
{
    int64_t observed = json_int_at(object, "status.observedGeneration");

    return observed > 0 && observed < json_int_at(object, "metadata.generation");
}

const json_t *condition_of(const json_t *object, const char *type)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_at(object, "status.conditions"), i, item)
        if (strcasecmp(json_text_at(item, "type"), type) == 0)
            return item;
    return NULL;
}

/* A project has no condition of this name: it is ready when it runs, and is not just over. */
static const char *project_ready(const json_t *object)
{
    const char *reason = json_text_at(condition_of(object, "Phase"), "reason");
    bool runs = strcmp(json_text_at(object, "status.phase"), PHASE_RUNNING) == 0;

    return runs && strcmp(reason, REASON_COMPLETED) != 0 ? "True" : "False";
}

static bool has_status(const Condition *condition, const json_t *object)
{
    bool is_project = strcmp(json_text_at(object, "kind"), resource_project.kind) == 0;

    if (is_project && strcasecmp(condition->type, "Ready") == 0)
        return strcasecmp(project_ready(object), condition->value) == 0;
    const json_t *found = condition_of(object, condition->type);
    return found != NULL && strcasecmp(json_text_at(found, "status"), condition->value) == 0;
}

bool condition_met(const Condition *condition, const json_t *object)
{
    bool by_agent = condition->kind == CONDITION_STATUS ||
                    strcmp(condition->value, PHASE_RUNNING) == 0 ||
                    strcmp(condition->value, PHASE_FAILED) == 0;

    if (condition->kind == CONDITION_DELETE || condition->kind == CONDITION_CREATE)
        return (object == NULL) == (condition->kind == CONDITION_DELETE);
    if (object == NULL || (by_agent && condition_is_outdated(object)))
        return false;
    if (condition->kind == CONDITION_STATUS)
        return has_status(condition, object);
    _cleanup_(buf_done) Buf path = { .max = 128 };
    buf_printf(&path, "status.%s", condition->type);
    return strcmp(json_text_at(object, buf_str(&path)), condition->value) == 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void add_reason(const json_t *object, Buf *out)
{
    const json_t *conditions = json_at(object, "status.conditions");
    const json_t *last = json_array_get(conditions, json_array_size(conditions) - 1);
    const char *reason = json_text_at(last, "reason");
    const char *message = json_text_at(last, "message");

    if (json_array_size(conditions) == 0 || (*reason == '\0' && *message == '\0'))
        return;
    buf_add_str(out, " (");
    print_clean(reason, out);
    buf_add_str(out, *reason != '\0' && *message != '\0' ? ": " : "");
    print_clean(message, out);
    buf_add_str(out, ")");
}

void condition_describe(const json_t *object, Buf *out)
{
    const char *phase = json_text_at(object, "status.phase");
    const char *state = json_text_at(object, "status.state");

    if (object == NULL) {
        buf_add_str(out, "not there");
        return;
    }
    print_cell(*phase != '\0' ? phase : state, "of unknown state", out);
    add_reason(object, out);
    if (condition_is_outdated(object))
        buf_add_str(out, ", its newest spec not yet taken up");
}
