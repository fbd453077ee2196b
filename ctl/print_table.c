#include "print.h"

#include "cara/mem.h"

#include <string.h>

#define PADDING 3

/* One line's cells; the last one is not ended by a tab and belongs to no column. */
typedef struct Line {
    const char **cells;
    size_t *lengths;
    size_t *widths; /* of the column, for all but the last cell */
    size_t count;
} Line;

static bool is_mark(char c)
{
    return c >= STYLE_GOOD[0] && c <= STYLE_END[0];
}

static size_t count_code_points(const char *s, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xC0) != 0x80 && !is_mark(s[i]);
    return n;
}

static void split_line(const char *text, size_t len, Line *line)
{
    size_t cells = 1;

    for (size_t i = 0; i < len; i++)
        cells += text[i] == '\t';
    line->cells = mem_alloc(sizeof(*line->cells) * cells);
    line->lengths = mem_alloc(sizeof(*line->lengths) * cells);
    line->widths = mem_alloc(sizeof(*line->widths) * cells);
    line->count = cells;
    for (size_t i = 0; i < cells; i++) {
        const char *tab = i + 1 < cells ? memchr(text, '\t', len) : NULL;
        size_t cell = tab != NULL ? (size_t)(tab - text) : len;
        line->cells[i] = text;
        line->lengths[i] = cell;
        text += cell + (tab != NULL);
        len -= cell + (tab != NULL);
    }
}

/* Sets the width of column c for the run of lines that starts at `first`; returns where it ends. */
static size_t measure_run(Line *lines, size_t count, size_t first, size_t c)
{
    size_t width = 0;
    size_t end = first;

    for (; end < count && c + 1 < lines[end].count; end++) {
        size_t w = count_code_points(lines[end].cells[c], lines[end].lengths[c]);
        width = w > width ? w : width;
    }
    for (size_t i = first; i < end; i++)
        lines[i].widths[c] = width + PADDING;
    return end;
}

static void measure(Line *lines, size_t count)
{
    size_t most = 0;

    for (size_t i = 0; i < count; i++)
        most = lines[i].count > most ? lines[i].count : most;
    for (size_t c = 0; c + 1 < most; c++)
        for (size_t i = 0; i < count;) {
            size_t end = measure_run(lines, count, i, c);
            i = end > i ? end : i + 1;
        }
}

static void write_line(const Line *line, Buf *out)
{
    for (size_t c = 0; c < line->count; c++) {
        buf_add(out, line->cells[c], line->lengths[c]);
        if (c + 1 < line->count)
            buf_printf(out, "%*s",
                       (int)(line->widths[c] - count_code_points(line->cells[c], line->lengths[c])),
                       "");
    }
    buf_add_str(out, "\n");
}

/* Makes columns as wide as before where that is more, and remembers where it is less. */
static void widen(Line *lines, size_t count, PrintWidths *widths)
{
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c + 1 < lines[i].count && c < PRINT_COLUMNS_MAX; c++) {
            size_t width = lines[i].widths[c] - PADDING;
            widths->columns[c] = width > widths->columns[c] ? width : widths->columns[c];
            lines[i].widths[c] = widths->columns[c] + PADDING;
        }
}

void print_table(const char *text, Buf *out)
{
    print_table_more(text, NULL, out);
}

void print_table_more(const char *text, PrintWidths *widths, Buf *out)
{
    size_t count = 0;

    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        count++;
    Line *lines = mem_alloc(sizeof(*lines) * (count + 1));
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(text, "\n");
        split_line(text, len, &lines[i]);
        text += len + 1;
    }
    measure(lines, count);
    if (widths != NULL)
        widen(lines, count, widths);
    for (size_t i = 0; i < count; i++) {
        write_line(&lines[i], out);
        free(lines[i].cells);
        free(lines[i].lengths);
        free(lines[i].widths);
    }
    free(lines);
}
