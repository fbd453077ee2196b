/* The screens of `describe`, and the pieces they share. */
#ifndef CTL_DESCRIBE_H
#define CTL_DESCRIBE_H

#include "cara/buf.h"

#include <jansson.h>
#include <stdint.h>

void describe_node(const json_t *node, int64_t now, Buf *out);
void describe_project(const json_t *project, int64_t now, Buf *out);

/* What its projects request of what a node offers, as api.node_room() has it. */
void describe_room(const json_t *room, Buf *out);

/* The events, newest last; nothing when there are none. */
void describe_events(const json_t *items, int64_t now, Buf *out);

/* How containers ended, as api.project_logs() has it; nothing when none has. */
void describe_deaths(const json_t *items, int64_t now, Buf *out);

/* Why a project is where it is or waits, as api.why() has it. `placement` is that of its spec, of
 * which the remedies tell what it asks for; NULL when it is not known. */
void describe_why(const json_t *why, const json_t *placement, int64_t now, Buf *out);

/* describe_placement.c: of a project's spec what says where it may run; nothing when it is silent.
 */
void describe_placement(const json_t *spec, Buf *out);
/* "tier=db, zone In (a)": what labels and expressions ask for together; either may be NULL. */
void describe_add_selector(const json_t *labels, const json_t *expressions, Buf *out);

/* describe_parts.c */

/* "gpu=only:NoSchedule" */
void describe_add_taint(const json_t *taint, Buf *out);
/* "a=1, b=2" sorted by key, or nothing. */
void describe_add_pairs(const json_t *map, Buf *out);

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
