/* YAML to JSON, by libyaml, with YAML 1.2 core typing.
 *
 * Members keep their order. Anchors and `<<` merges are resolved, within a limit on how much
 * aliases may expand. Refused, with "line L, column C: ...": duplicate keys, tabs in indentation,
 * keys that are not strings, .inf and .nan, unknown tags, more than YAML_MAX_DEPTH levels, aliases
 * that expand past the limits below. Unquoted dates and times become RFC 3339 strings; 0777, 0o17,
 * 0x1F, 0b11 and 1_000 are numbers; yes, no, on and off are strings. The caller bounds the length
 * of the text. */
#ifndef CARA_YAML_H
#define CARA_YAML_H

#include "cara/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define YAML_MAX_DEPTH     100
#define YAML_MAX_NODES     200000     /* values that aliases may add */
#define YAML_MAX_EXPANSION (16 << 20) /* bytes of keys and strings that aliases may add */

/* All documents of `text`, empty ones left out, as a JSON array owned by the caller. JSON is YAML,
 * so this reads both. */
int yaml_parse(const char *text, size_t len, json_t **ret_documents, Err *err);

/* JSON has one kind of number: is this one whole, and small enough for a double to hold it exactly?
 * 80.0 is read and written as the number 80. */
bool yaml_is_whole(double real);

/* Would this text, unquoted, be read as anything but a string? */
bool yaml_is_special(const char *text, size_t len);

#endif
