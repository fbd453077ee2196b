#include "cara/yaml.h"

#include "cara/mem.h"
#include "yaml_scalar.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

typedef struct Reader {
    yaml_parser_t parser;
    Err *err;
    json_t *anchors; /* name -> value, of this document */
    json_t *open;    /* names of anchors whose value is still being read */
    size_t expanded_nodes;
    size_t expanded_bytes;
} Reader;

static json_t *read_node(Reader *r, const yaml_event_t *event, int depth);

__attribute__((format(printf, 3, 4))) static json_t *fail_at(Reader *r, yaml_mark_t mark,
                                                             const char *fmt, ...)
{
    char what[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    err_set(r->err, ERR_INVALID, "line %zu, column %zu: %s", mark.line + 1, mark.column + 1, what);
    return NULL;
}

/* Is there a tab at this place? Columns count characters, not bytes. */
static bool is_tab_at(const char *text, size_t len, yaml_mark_t mark)
{
    const char *p = text;
    const char *end = text + len;

    for (size_t line = 0; line < mark.line && p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline != NULL ? newline + 1 : end;
    }
    for (size_t column = 0; column < mark.column && p < end; column++)
        do
            p++;
        while (p < end && ((unsigned char)*p & 0xC0) == 0x80);
    return p < end && *p == '\t';
}

/* Says what libyaml says, and for a tab what to do about it. */
static int fail_syntax(Reader *r, const char *text, size_t len)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem != NULL ? p->problem : "not YAML";

    if (p->error == YAML_READER_ERROR)
        return err_set(r->err, ERR_INVALID, "byte %zu: %s", p->problem_offset, problem);
    if (is_tab_at(text, len, p->problem_mark))
        fail_at(r, p->problem_mark, "a tab cannot indent YAML: use spaces");
    else
        fail_at(r, p->problem_mark, "%s%s%s", p->context != NULL ? p->context : "",
                p->context != NULL ? ": " : "", problem);
    return -1;
}

/* ---- anchors and aliases --------------------------------------------------------------------- */

static bool charge(Reader *r, size_t bytes)
{
    r->expanded_nodes++;
    r->expanded_bytes += bytes;
    return r->expanded_nodes <= YAML_MAX_NODES && r->expanded_bytes <= YAML_MAX_EXPANSION;
}

/* A deep copy that is paid for node by node; NULL when the document's budget is spent. */
static json_t *copy_charged(Reader *r, json_t *node)
{
    if (!charge(r, json_is_string(node) ? json_string_length(node) : 0))
        return NULL;
    if (json_is_object(node)) {
        _cleanup_(json_decrefp) json_t *copy = json_object();
        const char *key;
        json_t *value;
        json_object_foreach (node, key, value) {
            json_t *member = charge(r, strlen(key)) ? copy_charged(r, value) : NULL;
            if (member == NULL)
                return NULL;
            json_object_set_new_nocheck(copy, key, member);
        }
        return TAKE_PTR(copy);
    }
    if (json_is_array(node)) {
        _cleanup_(json_decrefp) json_t *copy = json_array();
        size_t i;
        json_t *value;
        json_array_foreach (node, i, value) {
            json_t *item = copy_charged(r, value);
            if (item == NULL)
                return NULL;
            json_array_append_new(copy, item);
        }
        return TAKE_PTR(copy);
    }
    return json_copy(node);
}

static json_t *read_alias(Reader *r, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    json_t *value = json_object_get(r->anchors, name);

    if (json_object_get(r->open, name) != NULL)
        return fail_at(r, event->start_mark, "anchor \"%.64s\" contains itself", name);
    if (value == NULL)
        return fail_at(r, event->start_mark, "alias \"*%.64s\" has no anchor before it", name);
    json_t *copy = copy_charged(r, value);
    if (copy == NULL)
        return fail_at(
            r, event->start_mark,
            "aliases expand to more than %d values or %d MiB: write them out or use fewer",
            YAML_MAX_NODES, YAML_MAX_EXPANSION >> 20);
    return copy;
}

/* ---- scalars --------------------------------------------------------------------------------- */

static const struct {
    const char *tag;
    ScalarType type;
    const char *name;
} scalar_tags[] = {
    { YAML_NULL_TAG, SCALAR_NULL, "null" },
    { YAML_BOOL_TAG, SCALAR_BOOL, "bool" },
    { YAML_INT_TAG, SCALAR_INT, "int" },
    { YAML_FLOAT_TAG, SCALAR_FLOAT, "float" },
    { YAML_TIMESTAMP_TAG, SCALAR_TIME, "timestamp" },
};

static json_t *read_tagged(Reader *r, const yaml_event_t *event, const char *tag, const char *text,
                           size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(scalar_tags); i++) {
        if (strcmp(tag, scalar_tags[i].tag) != 0)
            continue;
        json_t *value;
        ScalarType type = yaml_scalar_resolve(text, len, &value);
        bool int_as_float = type == SCALAR_INT && scalar_tags[i].type == SCALAR_FLOAT;
        if (type == scalar_tags[i].type || int_as_float)
            return value;
        json_decref(value);
        return fail_at(r, event->start_mark, "\"%.64s\" is not of type !!%s", text,
                       scalar_tags[i].name);
    }
    return fail_at(r, event->start_mark, "tag \"%.64s\" is not supported here", tag);
}

static json_t *read_scalar(Reader *r, const yaml_event_t *event, ScalarType *ret_type)
{
    const char *tag = (const char *)event->data.scalar.tag;
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    json_t *value;

    *ret_type = SCALAR_STRING;
    if (tag != NULL && strcmp(tag, "!") != 0 && strcmp(tag, YAML_STR_TAG) != 0)
        return read_tagged(r, event, tag, text, len);
    if (tag != NULL || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return json_stringn(text, len);
    *ret_type = yaml_scalar_resolve(text, len, &value);
    if (*ret_type == SCALAR_NO_VALUE)
        return fail_at(r, event->start_mark,
                       "%.64s is not a number that JSON can hold: quote it if text is meant", text);
    return value;
}

/* ---- collections ----------------------------------------------------------------------------- */

static int next_event(Reader *r, yaml_event_t *event)
{
    return yaml_parser_parse(&r->parser, event) ? 0 : -1;
}

static json_t *read_sequence(Reader *r, int depth)
{
    _cleanup_(json_decrefp) json_t *items = json_array();

    for (;;) {
        _cleanup_(yaml_event_delete) yaml_event_t event;
        if (next_event(r, &event) < 0)
            return NULL;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            return TAKE_PTR(items);
        json_t *item = read_node(r, &event, depth + 1);
        if (item == NULL)
            return NULL;
        json_array_append_new(items, item);
    }
}

/* The key's text (owned by the event), or NULL with an error. */
static const char *read_key(Reader *r, const yaml_event_t *event)
{
    static const char advice[] = "keys must be strings";

    if (event->type == YAML_ALIAS_EVENT) {
        json_t *value = json_object_get(r->anchors, (const char *)event->data.alias.anchor);
        if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
            return json_string_value(value);
    }
    if (event->type != YAML_SCALAR_EVENT) {
        fail_at(r, event->start_mark, "%s", advice);
        return NULL;
    }
    const char *text = (const char *)event->data.scalar.value;
    ScalarType type;
    json_t *value = read_scalar(r, event, &type);
    if (value == NULL)
        return NULL;
    bool usable = json_is_string(value) && type == SCALAR_STRING;
    if (usable && event->data.scalar.anchor != NULL)
        json_object_set_nocheck(r->anchors, (const char *)event->data.scalar.anchor, value);
    json_decref(value);
    if (!usable) {
        fail_at(r, event->start_mark, "%s: quote it, as \"%.64s\"", advice, text);
        return NULL;
    }
    if (strlen(text) != event->data.scalar.length) {
        fail_at(r, event->start_mark, "a key cannot hold a NUL character");
        return NULL;
    }
    return text;
}

static bool is_merge_key(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.plain_implicit &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp((const char *)event->data.scalar.value, "<<") == 0;
}

/* What stands in the map itself wins over what is merged, and earlier merges over later ones. */
static int merge_into(json_t *object, json_t *merged)
{
    if (json_is_object(merged)) {
        json_object_update_missing(object, merged);
        return 0;
    }
    if (!json_is_array(merged))
        return -1;
    size_t i;
    json_t *item;
    json_array_foreach (merged, i, item) {
        if (!json_is_object(item))
            return -1;
        json_object_update_missing(object, item);
    }
    return 0;
}

/* Reads one value of a mapping and puts it where its key says. */
static int read_member(Reader *r, const yaml_event_t *key_event, json_t *object, json_t **merged,
                       int depth)
{
    bool merge = is_merge_key(key_event);
    _cleanup_(mem_freep) char *key = NULL;

    if (!merge) {
        key = mem_strdup(read_key(r, key_event));
        if (key == NULL)
            return -1;
    }
    if (merge ? *merged != NULL : json_object_get(object, key) != NULL) {
        fail_at(r, key_event->start_mark, "key \"%.64s\" is there twice", merge ? "<<" : key);
        return -1;
    }
    _cleanup_(yaml_event_delete) yaml_event_t event;
    if (next_event(r, &event) < 0)
        return -1;
    json_t *value = read_node(r, &event, depth + 1);
    if (value == NULL)
        return -1;
    if (merge)
        *merged = value;
    else
        json_object_set_new_nocheck(object, key, value);
    return 0;
}

static json_t *read_mapping(Reader *r, int depth)
{
    _cleanup_(json_decrefp) json_t *object = json_object();
    _cleanup_(json_decrefp) json_t *merged = NULL;
    yaml_mark_t merge_mark = { 0 };

    for (;;) {
        _cleanup_(yaml_event_delete) yaml_event_t event;
        if (next_event(r, &event) < 0)
            return NULL;
        if (event.type == YAML_MAPPING_END_EVENT)
            break;
        if (is_merge_key(&event))
            merge_mark = event.start_mark;
        if (read_member(r, &event, object, &merged, depth) < 0)
            return NULL;
    }
    if (merged != NULL && merge_into(object, merged) < 0)
        return fail_at(r, merge_mark, "\"<<\" merges a map or a list of maps, nothing else");
    return TAKE_PTR(object);
}

/* ---- nodes and documents --------------------------------------------------------------------- */

/* Only the tags a map or list has anyway. */
static bool is_plain_tag(const yaml_event_t *event)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;

    return tag == NULL || strcmp((const char *)tag, "!") == 0 ||
           strcmp((const char *)tag, map ? YAML_MAP_TAG : YAML_SEQ_TAG) == 0;
}

static json_t *read_collection(Reader *r, const yaml_event_t *event, int depth)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    const char *anchor =
        (const char *)(map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor);

    if (!is_plain_tag(event))
        return fail_at(r, event->start_mark, "tags on maps and lists are not supported here");
    if (depth > YAML_MAX_DEPTH)
        return fail_at(r, event->start_mark, "nested more than %d levels deep", YAML_MAX_DEPTH);
    if (anchor != NULL)
        json_object_set_new_nocheck(r->open, anchor, json_true());
    json_t *value = map ? read_mapping(r, depth) : read_sequence(r, depth);
    if (anchor != NULL && value != NULL) {
        json_object_del(r->open, anchor);
        json_object_set_nocheck(r->anchors, anchor, value);
    }
    return value;
}

/* The value that starts with `event`, or NULL with an error (none yet for a syntax error). */
static json_t *read_node(Reader *r, const yaml_event_t *event, int depth)
{
    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(r, event);
    if (event->type != YAML_SCALAR_EVENT)
        return read_collection(r, event, depth);
    ScalarType type;
    json_t *value = read_scalar(r, event, &type);
    if (value != NULL && event->data.scalar.anchor != NULL)
        json_object_set_nocheck(r->anchors, (const char *)event->data.scalar.anchor, value);
    return value;
}

/* Appends every document to `documents`. -1 with r->err filled unless it is a syntax error. */
static int read_stream(Reader *r, json_t *documents)
{
    for (;;) {
        _cleanup_(yaml_event_delete) yaml_event_t event;
        if (next_event(r, &event) < 0)
            return -1;
        if (event.type == YAML_STREAM_END_EVENT)
            return 0;
        if (event.type == YAML_DOCUMENT_START_EVENT) {
            json_object_clear(r->anchors);
            json_object_clear(r->open);
        }
        if (event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_START_EVENT ||
            event.type == YAML_DOCUMENT_END_EVENT)
            continue;
        json_t *document = read_node(r, &event, 1);
        if (document == NULL)
            return -1;
        if (json_is_null(document))
            json_decref(document);
        else
            json_array_append_new(documents, document);
    }
}

static bool deeper_than(json_t *node, int levels)
{
    size_t i;
    const char *key;
    json_t *value;

    if (!json_is_object(node) && !json_is_array(node))
        return false;
    if (levels == 0)
        return true;
    json_object_foreach (node, key, value)
        if (deeper_than(value, levels - 1))
            return true;
    json_array_foreach (node, i, value)
        if (deeper_than(value, levels - 1))
            return true;
    return false;
}

/* JSON that is valid as such is read as such: libyaml refuses the surrogate pairs JSON may hold. */
static json_t *try_json(const char *text, size_t len)
{
    size_t blank = 0;

    while (blank < len && text[blank] != '\0' && strchr(" \t\r\n", text[blank]) != NULL)
        blank++;
    if (blank == len || (text[blank] != '{' && text[blank] != '['))
        return NULL;
    json_error_t why;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (value != NULL && deeper_than(value, YAML_MAX_DEPTH)) {
        json_decref(value);
        return NULL; /* libyaml refuses it too, and says where */
    }
    return value;
}

int yaml_parse(const char *text, size_t len, json_t **ret_documents, Err *err)
{
    _cleanup_(json_decrefp) json_t *documents = json_array();
    json_t *json = try_json(text, len);

    if (json != NULL) {
        json_array_append_new(documents, json);
        *ret_documents = TAKE_PTR(documents);
        return 0;
    }
    Reader r = { .err = err, .anchors = json_object(), .open = json_object() };
    if (!yaml_parser_initialize(&r.parser))
        abort();
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    int result = read_stream(&r, documents);
    if (result < 0 && r.parser.error != YAML_NO_ERROR)
        fail_syntax(&r, text, len);
    yaml_parser_delete(&r.parser);
    json_decref(r.anchors);
    json_decref(r.open);
    if (result == 0)
        *ret_documents = TAKE_PTR(documents);
    return result;
}
