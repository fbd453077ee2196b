#include "describe.h"

#include "cara/mem.h"
#include "cara/time.h"
#include "ctl.h"
#include "json_at.h"
#include "print.h"

#include <string.h>

void describe_text(const char *key, const json_t *object, const char *path, Buf *out)
{
    buf_printf(out, "%s:\t", key);
    print_cell(json_text_at(object, path), "<none>", out);
    buf_add_str(out, "\n");
}

void describe_time(const char *key, const json_t *object, const char *path, int64_t now, Buf *out)
{
    char text[TIME_TEXT_MAX];
    char age[TIME_TEXT_MAX];
    int64_t then;
    bool zero;

    if (time_parse_rfc3339(json_text_at(object, path), &then, &zero, NULL) < 0 || zero) {
        buf_printf(out, "%s:\t<none>\n", key);
        return;
    }
    time_format_utc(then, text);
    time_format_age(then, now, age);
    buf_printf(out, "%s:\t%s (%s ago)\n", key, text, age);
}

void describe_add_taint(const json_t *taint, Buf *out)
{
    print_clean(json_text_at(taint, "key"), out);
    if (*json_text_at(taint, "value") != '\0') {
        buf_add_str(out, "=");
        print_clean(json_text_at(taint, "value"), out);
    }
    if (*json_text_at(taint, "effect") != '\0') {
        buf_add_str(out, ":");
        print_clean(json_text_at(taint, "effect"), out);
    }
}

void describe_add_pairs(const json_t *map, Buf *out)
{
    size_t count;
    const char **keys = json_sorted_keys(map, &count);

    for (size_t i = 0; i < count; i++) {
        const char *value = json_string_value(json_object_get(map, keys[i]));
        buf_add_str(out, i > 0 ? ", " : "");
        print_clean(keys[i], out);
        buf_add_str(out, "=");
        print_clean(value != NULL ? value : "", out);
    }
    free(keys);
}

static void describe_map(const char *key, const json_t *map, Buf *out)
{
    buf_printf(out, "%s:\t%s", key, json_object_size(map) == 0 ? "<none>" : "");
    describe_add_pairs(map, out);
    buf_add_str(out, "\n");
}

void describe_metadata(const json_t *object, const char *kind, int64_t now, Buf *out)
{
    describe_text("Name", object, "metadata.name", out);
    buf_printf(out, "Kind:\t%s\n", kind);
    describe_time("Created", object, "metadata.createdAt", now, out);
    describe_map("Labels", json_at(object, "metadata.labels"), out);
    describe_map("Annotations", json_at(object, "metadata.annotations"), out);
}

/* "TYPE\tSTATUS\n" gives "----\t------\n". */
static void underline(const char *titles, size_t len, Buf *out)
{
    for (size_t i = 0; i < len; i++)
        buf_add(out, titles[i] == '\t' || titles[i] == '\n' ? &titles[i] : "-", 1);
}

void describe_table(const char *rows, Buf *out)
{
    _cleanup_(buf_done) Buf lined = { .max = CTL_OUTPUT_MAX };
    _cleanup_(buf_done) Buf table = { .max = CTL_OUTPUT_MAX };
    size_t first = strcspn(rows, "\n") + 1;

    buf_add(&lined, rows, first);
    underline(rows, first, &lined);
    buf_add_str(&lined, rows + first);
    print_table(buf_str(&lined), &table);
    for (const char *p = buf_str(&table); *p != '\0';) {
        size_t len = strcspn(p, "\n") + 1;
        buf_add_str(out, "  ");
        buf_add(out, p, len);
        p += len;
    }
}

static void add_moment(const json_t *condition, const char *path, Buf *out)
{
    char text[TIME_TEXT_MAX] = "<none>";
    int64_t then;
    bool zero;

    if (time_parse_rfc3339(json_text_at(condition, path), &then, &zero, NULL) == 0 && !zero)
        time_format_utc(then, text);
    buf_printf(out, "%s\t", text);
}

void describe_conditions(const json_t *object, Buf *out)
{
    const json_t *conditions = json_at(object, "status.conditions");
    _cleanup_(buf_done) Buf rows = { .max = CTL_OUTPUT_MAX };
    size_t i;
    json_t *condition;

    buf_add_str(out, "\nConditions:\n");
    if (json_array_size(conditions) == 0) {
        buf_add_str(out, "  <none>\n");
        return;
    }
    buf_add_str(&rows, "TYPE\tSTATUS\tLAST HEARTBEAT\tLAST TRANSITION\tREASON\tMESSAGE\n");
    json_array_foreach (conditions, i, condition) {
        print_clean(json_text_at(condition, "type"), &rows);
        buf_add_str(&rows, "\t");
        print_clean(json_text_at(condition, "status"), &rows);
        buf_add_str(&rows, "\t");
        add_moment(condition, "lastHeartbeatTime", &rows);
        add_moment(condition, "lastTransitionTime", &rows);
        print_cell(json_text_at(condition, "reason"), "<none>", &rows);
        buf_add_str(&rows, "\t");
        print_cell(json_text_at(condition, "message"), "<none>", &rows);
        buf_add_str(&rows, "\n");
    }
    describe_table(buf_str(&rows), out);
}

static void add_age(const json_t *event, const char *path, int64_t now, Buf *out)
{
    char age[TIME_TEXT_MAX] = "<unknown>";
    int64_t then;
    bool zero;

    if (time_parse_rfc3339(json_text_at(event, path), &then, &zero, NULL) == 0 && !zero)
        time_format_age(then, now, age);
    buf_add_str(out, age);
}

void describe_events(const json_t *items, int64_t now, Buf *out)
{
    _cleanup_(buf_done) Buf rows = { .max = CTL_OUTPUT_MAX };
    size_t i;
    json_t *event;

    if (json_array_size(items) == 0)
        return;
    buf_add_str(&rows, "AGE\tTYPE\tREASON\tMESSAGE\n");
    json_array_foreach (items, i, event) {
        add_age(event, "lastTimestamp", now, &rows);
        if (json_int_at(event, "count") > 1) {
            buf_printf(&rows, " (%dx over ", (int)json_int_at(event, "count"));
            add_age(event, "firstTimestamp", now, &rows);
            buf_add_str(&rows, ")");
        }
        buf_add_str(&rows, "\t");
        print_cell(json_text_at(event, "type"), "", &rows);
        buf_add_str(&rows, "\t");
        print_clean(json_text_at(event, "reason"), &rows);
        buf_add_str(&rows, "\t");
        print_clean(json_text_at(event, "message"), &rows);
        buf_add_str(&rows, "\n");
    }
    buf_add_str(out, "\nEvents:\n");
    describe_table(buf_str(&rows), out);
}
