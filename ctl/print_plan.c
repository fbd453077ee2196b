#include "print.h"

#include "cara/mem.h"
#include "json_at.h"
#include "resource.h"

#include <inttypes.h>
#include <string.h>

/* In the order of the summary. */
static const struct {
    const char *action;
    const char *style;
    const char *summary; /* behind a number */
} actions[] = {
    { "create", STYLE_GOOD, "to create" },   { "update", STYLE_WARN, "to update" },
    { "delete", STYLE_BAD, "to delete" },    { "place", STYLE_GOOD, "to place" },
    { "move", STYLE_WARN, "to move" },       { "stop", STYLE_BAD, "to stop" },
    { "stay", STYLE_BAD, "to stay" },        { "pending", STYLE_BAD, "left waiting" },
    { "unchanged", STYLE_DIM, "unchanged" },
};

static void add_action(const char *action, Buf *out)
{
    const char *style = "";

    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(actions[i].action, action) == 0)
            style = actions[i].style;
    buf_add_str(out, style);
    print_clean(action, out);
    buf_add_str(out, *style != '\0' ? STYLE_END : "");
}

static void add_object(const json_t *item, Buf *out)
{
    const char *kind = json_text_at(item, "kind");
    const Resource *resource = resource_of_kind(kind);

    print_clean(resource != NULL ? resource->singular : kind, out);
    buf_add_str(out, "/");
    print_clean(json_text_at(item, "name"), out);
}

/* Whether it is, or would be, a project that wants a node and has none. */
static bool is_left_waiting(const json_t *item)
{
    const char *action = json_text_at(item, "action");

    return *json_text_at(item, "to") == '\0' &&
           strcmp(json_text_at(item, "kind"), "Project") == 0 &&
           (strcmp(action, "create") == 0 || strcmp(action, "update") == 0 ||
            strcmp(action, "pending") == 0);
}

/* "n1 -> n2", "-> n2" of what has no node yet, "n1 -> -" of what loses it, "n1" of what keeps it.
 */
static void add_way(const json_t *item, Buf *out)
{
    const char *from = json_text_at(item, "from");
    const char *to = json_text_at(item, "to");

    if (*from == '\0' && *to == '\0')
        buf_add_str(out, "-");
    print_clean(from, out);
    if (*to != '\0' && strcmp(from, to) != 0) {
        buf_add_str(out, *from != '\0' ? " -> " : "-> ");
        print_clean(to, out);
    } else if (*from != '\0' && is_left_waiting(item)) {
        buf_add_str(out, " -> -");
    }
}

void print_plan(const json_t *plan, Buf *out)
{
    const json_t *items = json_at(plan, "items");
    _cleanup_(buf_done) Buf rows = { .max = CTL_OUTPUT_MAX };
    size_t i;
    json_t *item;

    if (json_array_size(items) == 0)
        return;
    buf_add_str(&rows, "ACTION\tOBJECT\tNODE\tWHY\n");
    json_array_foreach (items, i, item) {
        add_action(json_text_at(item, "action"), &rows);
        buf_add_str(&rows, "\t");
        add_object(item, &rows);
        buf_add_str(&rows, "\t");
        add_way(item, &rows);
        buf_add_str(&rows, "\t");
        print_cell(json_text_at(item, "message"), "-", &rows);
        buf_add_str(&rows, "\n");
    }
    print_table(buf_str(&rows), out);
    buf_add_str(out, "\n");
}

/* Of what would change. */
void print_plan_names(const json_t *plan, Buf *out)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_at(plan, "items"), i, item) {
        if (strcmp(json_text_at(item, "action"), "unchanged") == 0)
            continue;
        add_object(item, out);
        buf_add_str(out, "\n");
    }
}

/* Of what would be created or updated: how many projects would have no node. */
static size_t count_homeless(const json_t *plan, const char *action)
{
    size_t count = 0;
    size_t i;
    json_t *item;

    json_array_foreach (json_at(plan, "items"), i, item)
        count += strcmp(json_text_at(item, "action"), action) == 0 && is_left_waiting(item);
    return count;
}

void print_plan_summary(const json_t *plan, Buf *out)
{
    const json_t *summary = json_at(plan, "summary");
    const char *comma = "";

    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        const char *action = actions[i].action;
        int64_t count = json_int_at(summary, action);
        size_t homeless = strcmp(action, "pending") != 0 ? count_homeless(plan, action) : 0;
        if (count == 0)
            continue;
        buf_printf(out, "%s%" PRId64 " %s", comma, count, actions[i].summary);
        if (homeless > 0)
            buf_printf(out, " (%zu left waiting)", homeless);
        comma = ", ";
    }
    if (*comma == '\0')
        buf_add_str(out, "nothing to do");
}
