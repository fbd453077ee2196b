#include "known.h"

#include "cara/mem.h"
#include "json_at.h"

#include <string.h>

static bool is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Is version a older than b, or the same? Where they are not numbers all that can be told is
 * whether they are the same. */
static bool is_not_newer(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (!is_number(a) || !is_number(b) || a_len == b_len)
        return is_number(a) && is_number(b) ? strcmp(a, b) <= 0 : strcmp(a, b) == 0;
    return a_len < b_len;
}

bool known_take(json_t *known, WatchType *type, const json_t *object)
{
    const char *name = json_text_at(object, "metadata.name");
    const char *version = json_text_at(object, "metadata.resourceVersion");
    const char *was = json_string_value(json_object_get(known, name));

    if (was == NULL && *type == WATCH_DELETED)
        return false;
    if (was != NULL && *version != '\0' && is_not_newer(version, was))
        return false;
    if (*type == WATCH_DELETED) {
        json_object_del(known, name);
        return true;
    }
    *type = was == NULL ? WATCH_ADDED : WATCH_MODIFIED;
    json_object_set_new(known, name, json_string(version));
    return true;
}

void known_forget(json_t *known, const json_t *object)
{
    json_object_del(known, json_text_at(object, "metadata.name"));
}

json_t *known_missing(const json_t *known, const json_t *items)
{
    _cleanup_(json_decrefp) json_t *there = json_object();
    json_t *missing = json_array();
    size_t i;
    const char *name;
    json_t *item;

    json_array_foreach (items, i, item)
        json_object_set_new(there, json_text_at(item, "metadata.name"), json_null());
    json_object_foreach ((json_t *)(uintptr_t)known, name, item)
        if (json_object_get(there, name) == NULL)
            json_array_append_new(missing, json_pack("{s:{s:s}}", "metadata", "name", name));
    return missing;
}
