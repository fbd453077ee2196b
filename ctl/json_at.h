/* Reading members of an object by dotted path, forgiving what is missing or of another type. */
#ifndef CTL_JSON_AT_H
#define CTL_JSON_AT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

const json_t *json_at(const json_t *object, const char *path);    /* borrowed; NULL when missing */
const char *json_text_at(const json_t *object, const char *path); /* "" when missing */
int64_t json_int_at(const json_t *object, const char *path);      /* 0 when missing */
bool json_is_true_at(const json_t *object, const char *path);

/* A reference of the caller's own to what is only lent: it stays when its owner lets go. */
json_t *json_keep(const json_t *value);

/* The keys of an object sorted by bytes. The list is owned by the caller, the keys are the
 * object's. */
const char **json_sorted_keys(const json_t *object, size_t *ret_count);

#endif
