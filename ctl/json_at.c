#include "json_at.h"

#include "cara/mem.h"

#include <string.h>

const json_t *json_at(const json_t *object, const char *path)
{
    while (object != NULL && *path != '\0') {
        char key[64];
        size_t len = strcspn(path, ".");
        if (len >= sizeof(key))
            return NULL;
        memcpy(key, path, len);
        key[len] = '\0';
        object = json_object_get(object, key);
        path += len + (path[len] == '.');
    }
    return object;
}

const char *json_text_at(const json_t *object, const char *path)
{
    const char *text = json_string_value(json_at(object, path));

    return text != NULL ? text : "";
}

int64_t json_int_at(const json_t *object, const char *path)
{
    return json_integer_value(json_at(object, path));
}

bool json_is_true_at(const json_t *object, const char *path)
{
    return json_is_true(json_at(object, path));
}

json_t *json_keep(const json_t *value)
{
    return json_incref((json_t *)(uintptr_t)value);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **json_sorted_keys(const json_t *object, size_t *ret_count)
{
    const char **keys = mem_alloc(sizeof(char *) * (json_object_size(object) + 1));
    const char *key;
    json_t *value;
    size_t count = 0;

    json_object_foreach ((json_t *)(uintptr_t)object, key, value)
        keys[count++] = key;
    qsort(keys, count, sizeof(char *), compare_keys);
    *ret_count = count;
    return keys;
}
