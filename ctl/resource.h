/* The kinds of things people name, and the columns of their tables. */
#ifndef CTL_RESOURCE_H
#define CTL_RESOURCE_H

#include "cara/buf.h"
#include "ctl.h"
#include "print.h"

#include <jansson.h>

typedef struct Column {
    const char *title; /* NULL ends a list */
    bool wide;         /* only with -o wide */
    void (*print)(const json_t *object, int64_t now, Buf *out);
} Column;

typedef struct Resource {
    const char *kind;     /* "Node" */
    const char *singular; /* "node" */
    const char *plural;   /* "nodes" */
    const char *path;     /* "/api/v1/nodes" */
    const char *name_at;  /* where an object has its name: "metadata.name" */
    const Column *columns;
} Resource;

extern const Resource resource_node, resource_project, resource_event, resource_setting;

const Resource *resource_of_kind(const char *kind); /* exact; NULL when there is none */
const Resource *resource_of_word(const char *word); /* node, nodes, Node */

/* Splits "project/web"; NULL when there is no slash or no such kind. *ret_name points into arg. */
const Resource *resource_of_arg(const char *arg, const char **ret_name);

/* Prints the objects in the chosen format. A single one that was asked for by name is printed as
 * itself in JSON and YAML, several as a list of `list_kind`. */
int resource_print(Ctl *ctl, const Resource *resource, const json_t *items, const json_t *whole,
                   Err *err);

/* Some rows of a table that is written as things change. */
typedef struct ResourceRows {
    PrintWidths widths;
    bool headed;       /* the titles are written */
    const char *event; /* what the first column says, when the table has such a column; or NULL */
} ResourceRows;

/* Adds rows, and before the first of them the titles. */
void resource_print_rows(Ctl *ctl, const Resource *resource, const json_t *items,
                         ResourceRows *rows);

#endif
