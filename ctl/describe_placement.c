#include "describe.h"

#include "cara/mem.h"
#include "ctl.h"
#include "json_at.h"
#include "print.h"

#include <inttypes.h>
#include <string.h>

static void words_line(const char *key, const json_t *object, const char *path, Buf *out)
{
    const char *text = json_text_at(object, path);

    if (*text == '\0')
        return;
    buf_printf(out, "    %s:\t", key);
    print_clean(text, out);
    buf_add_str(out, "\n");
}

/* "zone In (a, b)", "disk Exists" */
static void add_expression(const json_t *expression, Buf *out)
{
    const json_t *values = json_at(expression, "values");
    size_t i;
    json_t *value;

    print_clean(json_text_at(expression, "key"), out);
    buf_add_str(out, " ");
    print_clean(json_text_at(expression, "operator"), out);
    json_array_foreach (values, i, value) {
        const char *text = json_string_value(value);
        buf_add_str(out, i > 0 ? ", " : " (");
        print_clean(text != NULL ? text : "", out);
    }
    if (json_array_size(values) > 0)
        buf_add_str(out, ")");
}

void describe_add_selector(const json_t *labels, const json_t *expressions, Buf *out)
{
    size_t i;
    json_t *expression;

    describe_add_pairs(labels, out);
    json_array_foreach (expressions, i, expression) {
        buf_add_str(out, i > 0 || json_object_size(labels) > 0 ? ", " : "");
        add_expression(expression, out);
    }
}

static void add_toleration(const json_t *toleration, Buf *out)
{
    if (*json_text_at(toleration, "key") == '\0')
        buf_add_str(out, "any taint");
    describe_add_taint(toleration, out);
}

static void tolerations_line(const json_t *tolerations, Buf *out)
{
    size_t i;
    json_t *toleration;

    json_array_foreach (tolerations, i, toleration) {
        buf_add_str(out, i > 0 ? ", " : "    Tolerations:\t");
        add_toleration(toleration, out);
    }
    if (json_array_size(tolerations) > 0)
        buf_add_str(out, "\n");
}

/* One term a line: "tier=db, on the same zone, weight 10". */
static void terms_lines(const char *key, const char *where, const json_t *terms, Buf *out)
{
    size_t i;
    json_t *term;

    json_array_foreach (terms, i, term) {
        const char *topology = json_text_at(term, "topologyKey");
        if (i == 0)
            buf_printf(out, "    %s:", key);
        buf_add_str(out, "\t");
        describe_add_selector(json_at(term, "matchLabels"), json_at(term, "matchExpressions"), out);
        buf_printf(out, ", %s ", where);
        print_clean(*topology != '\0' ? topology : "node", out);
        if (json_int_at(term, "weight") != 0)
            buf_printf(out, ", weight %" PRId64, json_int_at(term, "weight"));
        buf_add_str(out, "\n");
    }
}

void describe_placement(const json_t *spec, Buf *out)
{
    const json_t *placement = json_at(spec, "placement");
    const json_t *selector = json_at(placement, "nodeSelector");
    const json_t *expressions = json_at(placement, "matchExpressions");
    _cleanup_(buf_done) Buf rows = { .max = CTL_OUTPUT_MAX };

    if (*json_text_at(spec, "onNodeLost") != '\0')
        describe_text("  On Node Lost", spec, "onNodeLost", out);
    if (json_object_size(placement) == 0)
        return;
    words_line("Strategy", placement, "strategy", &rows);
    words_line("Spread By", placement, "spreadBy", &rows);
    if (json_object_size(selector) > 0 || json_array_size(expressions) > 0) {
        buf_add_str(&rows, "    Nodes:\t");
        describe_add_selector(selector, expressions, &rows);
        buf_add_str(&rows, "\n");
    }
    tolerations_line(json_at(placement, "tolerations"), &rows);
    terms_lines("Affinity", "on the same", json_at(placement, "affinity"), &rows);
    terms_lines("Anti-Affinity", "not on the same", json_at(placement, "antiAffinity"), &rows);
    if (json_at(placement, "priority") != NULL)
        buf_printf(&rows, "    Priority:\t%" PRId64 "\n", json_int_at(placement, "priority"));
    words_line("Preemption", placement, "preemption", &rows);
    buf_add_str(out, "  Placement:\n");
    print_table(buf_str(&rows), out);
}
