/* How values and tables look on the screen. */
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

#include "cara/buf.h"
#include "ctl.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Two blanks a level, members in their order, <>& escaped, and a final newline. */
void print_json(const json_t *value, Buf *out);

/* Four blanks a level, lists indented under their key, keys sorted, and a final newline. */
void print_yaml(const json_t *value, Buf *out);

/* The value in that format when it is JSON or YAML; false when it is for the caller to lay out. */
bool print_data(const json_t *value, OutputFormat format, Buf *out);

/* One string as YAML: plain, quoted, or a block whose lines have this indentation (more than 0, or
 * YAML_INLINE for no block, as a key needs). */
#define YAML_INLINE SIZE_MAX
void print_yaml_string(const char *text, size_t len, size_t indent, Buf *out);

/* Is key a before key b? Digits by value, so that a9 is before a10. */
bool print_yaml_key_before(const char *a, const char *b);

/* One number as JSON and YAML write it. */
void print_number(const json_t *number, Buf *out);

/* Elastic tab stops: a column is a run of lines that follow each other and have a cell ended by a
 * tab there; it is as wide as its widest cell and three blanks. `text` is whole lines. */
void print_table(const char *text, Buf *out);

/* Widths that columns have had, for tables that are written a few rows at a time: they only grow.
 */
#define PRINT_COLUMNS_MAX 24
typedef struct PrintWidths {
    size_t columns[PRINT_COLUMNS_MAX]; /* without the blanks behind */
} PrintWidths;

/* As print_table, with every column at least as wide as it was before; widths may be NULL. */
void print_table_more(const char *text, PrintWidths *widths, Buf *out);

/* What a plan would do, one item a line; nothing when there is nothing. */
void print_plan(const json_t *plan, Buf *out);
void print_plan_names(const json_t *plan, Buf *out);   /* "project/web" a line */
void print_plan_summary(const json_t *plan, Buf *out); /* "1 to create, 2 to move" */

/* Marks in text for the terminal; they take no width. */
#define STYLE_GOOD "\001"
#define STYLE_WARN "\002"
#define STYLE_BAD  "\003"
#define STYLE_DIM  "\004"
#define STYLE_END  "\005"

/* The mark for a state or phase word, or "". */
const char *print_style_of(const char *word);

/* What came from elsewhere, for a terminal: control characters other than tab and newline become
 * '?'. */
void print_clean(const char *text, Buf *out);

/* A cell: cleaned, "<none>" or whatever `empty` says when there is nothing. */
void print_cell(const char *text, const char *empty, Buf *out);

/* Turns marks into colours, or drops them. */
void print_styled(const char *text, bool colour, Buf *out);

#endif
