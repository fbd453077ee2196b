/* The screens of `describe`, and the pieces they share. */
#ifndef CTL_DESCRIBE_H
#define CTL_DESCRIBE_H

#include "cara/buf.h"

#include <jansson.h>
#include <stdint.h>

void describe_node(const json_t *node, int64_t now, Buf *out);
void describe_project(const json_t *project, int64_t now, Buf *out);

/* The events, newest last; nothing when there are none. */
void describe_events(const json_t *items, int64_t now, Buf *out);

/* describe_parts.c */

/* "Key:<TAB>value", "<none>" when there is none. */
void describe_text(const char *key, const json_t *object, const char *path, Buf *out);
/* "Key:<TAB>2026-11-20T16:25:13Z (3d ago)" */
void describe_time(const char *key, const json_t *object, const char *path, int64_t now, Buf *out);
/* Name, Kind, Created, Labels, Annotations. */
void describe_metadata(const json_t *object, const char *kind, int64_t now, Buf *out);
void describe_conditions(const json_t *object, Buf *out);
/* Prints rows of tab-separated cells as an indented table with underlined titles. */
void describe_table(const char *rows, Buf *out);

#endif
