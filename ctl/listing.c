#include "listing.h"

#include "api.h"
#include "cara/mem.h"
#include "json_at.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES (1 << 16)
#define NAMES_IN_URL   32   /* of more, all are listed, and picked out here */
#define CHUNK_MAX      1000 /* as the server allows */
#define RESTARTS_MAX   3    /* of a list whose pages became too old before it was read */

void listing_add(Buf *path, const char *key, const char *value)
{
    _cleanup_(mem_freep) char *escaped = http_escape(value);

    buf_printf(path, "%c%s=%s", strchr(buf_str(path), '?') != NULL ? '&' : '?', key, escaped);
}

char *listing_path(const Resource *resource, const CommandLine *line, const char *const *names,
                   size_t name_count)
{
    static const struct {
        const char *flag;
        const char *key;
    } parameters[] = {
        { "selector", "labelSelector" },
        { "phase", "phase" },
        { "node", "nodeRef" },
        { "state", "state" },
    };
    Buf path;

    buf_init(&path, PATH_MAX_BYTES);
    buf_add_str(&path, resource->path);
    for (size_t i = 0; line != NULL && i < line->flag_count; i++)
        for (size_t p = 0; p < ARRAY_LEN(parameters); p++)
            if (strcmp(line->flags[i].flag->name, parameters[p].flag) == 0)
                listing_add(&path, parameters[p].key, line->flags[i].value);
    for (size_t i = 0; i < name_count && name_count <= NAMES_IN_URL; i++)
        listing_add(&path, "name", names[i]);
    return buf_take(&path);
}

bool listing_has(const char *const *names, size_t name_count, const json_t *object)
{
    const char *name = json_text_at(object, "metadata.name");

    for (size_t i = 0; i < name_count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return name_count == 0;
}

int listing_chunk(const CommandLine *line, int *ret, Err *err)
{
    const char *text = command_line_value(line, "chunk-size");
    char *end;

    if (text == NULL)
        text = CHUNK_DEFAULT;
    long chunk = strtol(text, &end, 10);
    if (end == text || *end != '\0' || chunk < 0 || chunk > CHUNK_MAX)
        return err_set(err, ERR_INVALID, "--chunk-size \"%.32s\" must be a number from 0 to %d",
                       text, CHUNK_MAX);
    *ret = (int)chunk;
    return 0;
}

/* ---- pages ----------------------------------------------------------------------------------- */

static int fetch_page(Ctl *ctl, const char *path, int chunk, const char *token, json_t **ret,
                      Err *err)
{
    _cleanup_(buf_done) Buf page = { .max = PATH_MAX_BYTES * 2 };
    _cleanup_(json_decrefp) json_t *answer = NULL;
    char limit[16];

    snprintf(limit, sizeof(limit), "%d", chunk);
    buf_add_str(&page, path);
    if (chunk > 0)
        listing_add(&page, "limit", limit);
    if (token != NULL)
        listing_add(&page, "continue", token);
    if (api_call(ctl, "GET", buf_str(&page), NULL, NULL, &answer, err) < 0)
        return -1;
    if (!json_is_array(json_object_get(answer, "items")))
        return err_set(err, ERR_HTTP, "decode response: there is no list of items in it");
    *ret = TAKE_PTR(answer);
    return 0;
}

/* Adds the pages behind the first one to it. */
static int fetch_rest(Ctl *ctl, const char *path, int chunk, json_t *list, Err *err)
{
    _cleanup_(mem_freep) char *token = mem_strdup(json_text_at(list, "metadata.continue"));

    while (*token != '\0') {
        json_t *page = NULL;
        if (fetch_page(ctl, path, chunk, token, &page, err) < 0)
            return -1;
        free(token);
        token = mem_strdup(json_text_at(page, "metadata.continue"));
        json_array_extend(json_object_get(list, "items"), json_object_get(page, "items"));
        json_decref(page);
    }
    json_object_del(json_object_get(list, "metadata"), "continue");
    json_object_del(json_object_get(list, "metadata"), "remainingItemCount");
    return 0;
}

int listing_fetch(Ctl *ctl, const char *path, int chunk, json_t **ret, Err *err)
{
    for (int restarts = 0;; restarts++) {
        _cleanup_(json_decrefp) json_t *list = NULL;
        if (fetch_page(ctl, path, chunk, NULL, &list, err) < 0)
            return -1;
        if (fetch_rest(ctl, path, chunk, list, err) == 0) {
            *ret = TAKE_PTR(list);
            return 0;
        }
        if (err->status != 410 || restarts == RESTARTS_MAX)
            return -1;
        err_clear(err);
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

const char **listing_strings(const json_t *array)
{
    const char **strings = mem_alloc(sizeof(char *) * (json_array_size(array) + 1));
    size_t i;
    json_t *item;

    json_array_foreach (array, i, item)
        strings[i] = json_string_value(item);
    return strings;
}

const Resource *listing_object(const CommandLine *line, size_t arg, const char **ret_name, Err *err)
{
    const char *word = line->args[arg];
    const char *verb = line->command->path;
    const Resource *resource = resource_of_arg(word, ret_name);

    if (resource == &resource_node || resource == &resource_project)
        return resource;
    _cleanup_(mem_freep) char *kind = mem_strndup(word, strcspn(word, "/"));
    resource = resource_of_word(kind);
    if (resource == NULL)
        command_unknown_child(line->command, kind, err);
    else if (resource == &resource_event)
        err_set(err, ERR_INVALID,
                "%s: events have no names: caractrl events KIND/NAME shows those about one", verb);
    else
        err_set(err, ERR_INVALID, "%s: \"%.64s\" has no name: write %s/NAME", verb, word,
                resource->singular);
    return NULL;
}

const char *listing_name(const CommandLine *line, const Resource *resource, const char *arg,
                         Err *err)
{
    const char *name;
    const Resource *its = resource_of_arg(arg, &name);

    if (its == resource)
        return name;
    if (its != &resource_node && its != &resource_project)
        return arg;
    err_set(err, ERR_INVALID, "%s wants a %s: \"%.200s\" is a %s", line->command->path,
            resource->singular, arg, its->singular);
    return NULL;
}

int listing_select(Ctl *ctl, const Resource *resource, const CommandLine *line, json_t **ret,
                   Err *err)
{
    _cleanup_(json_decrefp) json_t *list = NULL;
    _cleanup_(json_decrefp) json_t *names = json_array();
    size_t i;
    json_t *item;

    for (i = 0; i < line->arg_count; i++) {
        const char *name = listing_name(line, resource, line->args[i], err);
        if (name == NULL)
            return -1;
        json_array_append_new(names, json_string(name));
    }
    if (line->arg_count == 0) {
        _cleanup_(mem_freep) char *path = listing_path(resource, line, NULL, 0);
        if (listing_fetch(ctl, path, CHUNK_OBJECTS, &list, err) < 0)
            return err_prefix(err, "get %s", resource->plural);
    }
    json_array_foreach (json_object_get(list, "items"), i, item)
        json_array_append_new(names, json_string(json_text_at(item, "metadata.name")));
    if (json_array_size(names) == 0)
        fprintf(stderr, "No %s found\n", resource->plural);
    *ret = TAKE_PTR(names);
    return 0;
}
