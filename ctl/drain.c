#include "drain.h"

#include "cara/mem.h"
#include "cara/time.h"
#include "ctl.h"
#include "json_at.h"
#include "live.h"
#include "print.h"

#include <inttypes.h>
#include <string.h>

#define NAMES_SHOWN 5

void drain_add_count(size_t count, Buf *out)
{
    buf_printf(out, "%zu project%s", count, count == 1 ? "" : "s");
}

/* The projects that are still there, as members of an object: null, or why it stays. */
static json_t *still_there(const json_t *status)
{
    json_t *map = json_object();
    size_t i;
    json_t *item;

    json_array_foreach (json_at(status, "leaving"), i, item)
        if (json_is_string(item))
            json_object_set_new(map, json_string_value(item), json_null());
    json_array_foreach (json_at(status, "staying"), i, item)
        json_object_set_new(map, json_text_at(item, "project"),
                            json_string(json_text_at(item, "reason")));
    return map;
}

static void add_project_line(const char *name, const char *what, const char *why, Buf *out)
{
    buf_add_str(out, "project/");
    print_clean(name, out);
    buf_printf(out, " %s", what);
    print_clean(why, out);
    buf_add_str(out, "\n");
}

void drain_print_changes(const json_t *before, const json_t *now, Buf *out)
{
    _cleanup_(json_decrefp) json_t *was = still_there(before);
    _cleanup_(json_decrefp) json_t *is = still_there(now);
    const char *name;
    json_t *why;

    json_object_foreach (was, name, why)
        if (json_object_get(is, name) == NULL)
            add_project_line(name, "left", "", out);
    json_object_foreach (is, name, why)
        if (json_is_string(why) && !json_equal(why, json_object_get(was, name)))
            add_project_line(name, "stays: ", json_string_value(why), out);
}

void drain_add_names(const json_t *status, Buf *out)
{
    _cleanup_(json_decrefp) json_t *there = still_there(status);
    size_t total = json_object_size(there);
    size_t n = 0;
    const char *name;
    json_t *why;

    json_object_foreach (there, name, why) {
        if (n == NAMES_SHOWN) {
            buf_printf(out, " and %zu more", total - n);
            break;
        }
        buf_add_str(out, n++ > 0 ? ", " : "");
        print_clean(name, out);
    }
}

void drain_print_line(const json_t *status, int64_t seconds, size_t width, Buf *out)
{
    _cleanup_(buf_done) Buf line = { .max = CTL_OUTPUT_MAX };
    size_t leaving = json_array_size(json_at(status, "leaving"));
    size_t staying = json_array_size(json_at(status, "staying"));

    print_clean(json_text_at(status, "node"), &line);
    buf_printf(&line, ": %" PRId64 "s, %" PRId64 " moved, %zu leaving", seconds,
               json_int_at(status, "moved"), leaving);
    if (staying > 0)
        buf_printf(&line, ", %zu staying", staying);
    if (leaving + staying > 0) {
        buf_add_str(&line, ": ");
        drain_add_names(status, &line);
    }
    live_add_cut(buf_str(&line), width, out);
}

void drain_print_forecast(const json_t *status, Buf *out)
{
    _cleanup_(json_decrefp) json_t *there = still_there(status);
    _cleanup_(buf_done) Buf rows = { .max = CTL_OUTPUT_MAX };
    const char *name;
    json_t *why;

    if (json_object_size(there) == 0)
        return;
    buf_add_str(&rows, "PROJECT\tWOULD\tWHY\n");
    json_object_foreach (there, name, why) {
        print_clean(name, &rows);
        if (json_is_string(why)) {
            buf_add_str(&rows, "\t" STYLE_BAD "stay" STYLE_END "\t");
            print_cell(json_string_value(why), "-", &rows);
        } else {
            buf_add_str(&rows, "\tleave\t-");
        }
        buf_add_str(&rows, "\n");
    }
    print_table(buf_str(&rows), out);
    buf_add_str(out, "\n");
}
