/* What a plain (unquoted) YAML scalar means: YAML 1.2's core schema, and what Go's YAML reader adds
 * to it (0777, 0b101, 1_000, dates), since manifests written for it must mean the same here. */
#ifndef CARA_YAML_SCALAR_H
#define CARA_YAML_SCALAR_H

#include <jansson.h>
#include <stddef.h>

typedef enum ScalarType {
    SCALAR_STRING,
    SCALAR_NULL,
    SCALAR_BOOL,
    SCALAR_INT,
    SCALAR_FLOAT,
    SCALAR_TIME,     /* a JSON string in RFC 3339 */
    SCALAR_NO_VALUE, /* .inf, .nan, 1e999: a number that JSON cannot say */
} ScalarType;

/* `text` is NUL-terminated at `len`, may hold NULs before that, and is valid UTF-8. *ret is NULL
 * for SCALAR_NO_VALUE, else owned by the caller. */
ScalarType yaml_scalar_resolve(const char *text, size_t len, json_t **ret);

#endif
