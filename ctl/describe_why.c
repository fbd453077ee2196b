/* The screen of `caractrl why`. The verdicts are SQL's; only what to do about them is said here. */
#include "describe.h"

#include "cara/mem.h"
#include "cara/time.h"
#include "ctl.h"
#include "json_at.h"
#include "print.h"

#include <inttypes.h>
#include <string.h>

/* tests/contract holds the reasons against the ones that the scheduler gives. */
static const struct {
    const char *reason;
    const char *remedy;
} remedies[] = {
    { "NotReady", "start cara-agent there, or look at: caractrl describe node" },
    { "Draining", "cancel the drain: caractrl uncordon" },
    { "Unschedulable", "open it again: caractrl uncordon" },
    { "Pressure", "free what that node runs short of" },
    { "DataElsewhere", "bring that node back, or give its data up: caractrl unpin" },
    { "NodeSelector", "change spec.placement.nodeSelector" },
    { "MatchExpressions", "change spec.placement.matchExpressions" },
    { "Taint", "tolerate it in spec.placement.tolerations, or take it off the node" },
    { "HostPort", "use another hostPort, or add a node" },
    { "AntiAffinity", "add a node, or give the antiAffinity a weight: it is a wish then" },
    { "Affinity", "start what it wants to be near, or give the affinity a weight" },
    { "CPU", "request that much less, or free or add that much on one node" },
    { "Memory", "request that much less, or free or add that much on one node" },
};

static const char *remedy_of(const char *reason)
{
    for (size_t i = 0; i < ARRAY_LEN(remedies); i++)
        if (strcmp(remedies[i].reason, reason) == 0)
            return remedies[i].remedy;
    return "";
}

/* "label a node disk=ssd, or change spec.placement.nodeSelector" */
static void add_remedy(const char *reason, const json_t *placement, Buf *out)
{
    const json_t *labels =
        strcmp(reason, "NodeSelector") == 0 ? json_at(placement, "nodeSelector") : NULL;
    const json_t *expressions =
        strcmp(reason, "MatchExpressions") == 0 ? json_at(placement, "matchExpressions") : NULL;

    if (json_object_size(labels) > 0 || json_array_size(expressions) > 0) {
        buf_add_str(out, "label a node ");
        describe_add_selector(labels, expressions, out);
        buf_add_str(out, ", or ");
    }
    buf_add_str(out, remedy_of(reason));
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void add_age(const json_t *object, const char *path, int64_t now, Buf *out)
{
    char age[TIME_TEXT_MAX];
    int64_t then;
    bool zero;

    if (time_parse_rfc3339(json_text_at(object, path), &then, &zero, NULL) < 0 || zero) {
        buf_add_str(out, "<unknown>");
        return;
    }
    time_format_age(then, now, age);
    buf_printf(out, "%s ago", age);
}

static void add_score(const json_t *object, const char *path, Buf *out)
{
    const json_t *score = json_at(object, path);

    if (json_is_number(score))
        print_number(score, out);
    else
        buf_add_str(out, "-");
}

/* "n1 (-4)" */
static void add_runner_up(const json_t *decision, const char *empty, Buf *out)
{
    print_cell(json_text_at(decision, "runnerUp"), empty, out);
    if (*json_text_at(decision, "runnerUp") == '\0')
        return;
    buf_add_str(out, " (");
    add_score(decision, "runnerUpScore", out);
    buf_add_str(out, ")");
}

static void add_names(const json_t *names, size_t total, Buf *out)
{
    size_t i;
    json_t *name;

    json_array_foreach (names, i, name) {
        const char *text = json_string_value(name);
        buf_add_str(out, i > 0 ? ", " : "");
        print_clean(text != NULL ? text : "", out);
    }
    if (i > 0 && i < total)
        buf_add_str(out, ", ...");
}

/* ---- sections -------------------------------------------------------------------------------- */

/* "10", or with spreadBy "zone-a with 3 other projects". */
static void add_standing(const json_t *standing, bool by_domain, Buf *out)
{
    int64_t projects = json_int_at(standing, "domainProjects");

    if (!by_domain) {
        buf_printf(out, "%" PRId64, json_int_at(standing, "liking"));
        return;
    }
    print_cell(json_text_at(standing, "domain"), "<none>", out);
    buf_printf(out, " with %" PRId64 " other project%s", projects, projects == 1 ? "" : "s");
}

/* What ranked before the score, as it is now: of the winner, and of who came second. */
static void add_standings(const json_t *standings, const char *key, bool by_domain, Buf *out)
{
    const json_t *second = json_array_get(standings, 1);

    buf_printf(out, "%s:\t", key);
    add_standing(json_array_get(standings, 0), by_domain, out);
    if (second != NULL) {
        buf_add_str(out, "; next best: ");
        add_standing(second, by_domain, out);
    }
}

/* "liking" or "domain" in any of these. */
static bool any_has(const json_t *standings, const char *member)
{
    size_t i;
    json_t *standing;

    json_array_foreach (standings, i, standing) {
        const json_t *value = json_object_get(standing, member);
        if (json_is_integer(value) ? json_integer_value(value) != 0 : value != NULL)
            return true;
    }
    return false;
}

static void add_ranking(const json_t *standings, Buf *out)
{
    if (any_has(standings, "liking")) {
        add_standings(standings, "Liking", false, out);
        buf_add_str(out, " now: preferred terms and PreferNoSchedule, before the score\n");
    }
    if (any_has(standings, "domain")) {
        add_standings(standings, "Domain", true, out);
        buf_add_str(out, " now: the emptier one, before the score\n");
    }
}

static void add_decision(const json_t *decision, int64_t now, Buf *out)
{
    const json_t *excluded = json_at(decision, "excluded");
    const char *strategy = json_text_at(decision, "strategy");
    size_t count;
    const char **reasons = json_sorted_keys(excluded, &count);

    buf_add_str(out, "Decided:\t");
    add_age(decision, "at", now, out);
    buf_printf(out, ", epoch %" PRId64 "\n", json_int_at(decision, "epoch"));
    buf_add_str(out, "Score:\t");
    add_score(decision, "score", out);
    buf_add_str(out, "; next best: ");
    add_runner_up(decision, "none", out);
    buf_add_str(out, "\n");
    add_ranking(json_at(decision, "standing"), out);
    buf_add_str(out, "Strategy:\t");
    print_cell(strategy, "<none>", out);
    if (strcmp(strategy, "Spread") == 0)
        buf_add_str(out, ": minus the projects on the node, this one among them");
    else if (strcmp(strategy, "BinPack") == 0)
        buf_add_str(out, ": percent of the node that was in use before");
    buf_add_str(out, "\n");
    for (size_t i = 0; i < count; i++) {
        int64_t nodes = json_int_at(excluded, reasons[i]);
        buf_add_str(out, i > 0 ? ", " : "Excluded:\t");
        buf_printf(out, "%" PRId64 " %s: ", nodes, nodes == 1 ? "node" : "nodes");
        print_clean(reasons[i], out);
    }
    buf_add_str(out, count > 0 ? "\n" : "");
    free(reasons);
}

static void add_reasons(const json_t *reasons, const json_t *placement, Buf *out)
{
    _cleanup_(buf_done) Buf rows = { .max = CTL_OUTPUT_MAX };
    size_t i;
    json_t *reason;

    if (json_array_size(reasons) == 0)
        return;
    buf_add_str(&rows, "NODES\tREASON\tSUCH AS\tWHAT WOULD HELP\n");
    json_array_foreach (reasons, i, reason) {
        int64_t nodes = json_int_at(reason, "nodes");
        buf_printf(&rows, "%" PRId64 "\t", nodes);
        print_clean(json_text_at(reason, "text"), &rows);
        buf_add_str(&rows, "\t");
        add_names(json_at(reason, "example"), nodes > 0 ? (size_t)nodes : 0, &rows);
        buf_add_str(&rows, "\t");
        add_remedy(json_text_at(reason, "reason"), placement, &rows);
        buf_add_str(&rows, "\n");
    }
    buf_add_str(out, "\nNo place for it:\n");
    describe_table(buf_str(&rows), out);
}

static void add_verdicts(const json_t *nodes, Buf *out)
{
    _cleanup_(buf_done) Buf rows = { .max = CTL_OUTPUT_MAX };
    size_t i;
    json_t *node;

    bool liking = any_has(nodes, "liking");
    bool domain = any_has(nodes, "domain");

    if (!json_is_array(nodes))
        return;
    buf_printf(&rows, "NODE\tVERDICT\tLACKS\t%s%sPROJECTS\tSCORE\n", liking ? "LIKING\t" : "",
               domain ? "DOMAIN\t" : "");
    json_array_foreach (nodes, i, node) {
        const char *verdict = json_text_at(node, "verdict");
        const char *style = strcmp(verdict, "fits") == 0 ? STYLE_GOOD : STYLE_DIM;
        print_cell(json_text_at(node, "node"), "", &rows);
        buf_printf(&rows, "\t%s", style);
        print_clean(verdict, &rows);
        buf_add_str(&rows, STYLE_END "\t");
        print_cell(json_text_at(node, "lacks"), "-", &rows);
        if (liking)
            buf_printf(&rows, "\t%" PRId64, json_int_at(node, "liking"));
        if (domain) {
            buf_add_str(&rows, "\t");
            print_cell(json_text_at(node, "domain"), "<none>", &rows);
            buf_printf(&rows, " (%" PRId64 ")", json_int_at(node, "domainProjects"));
        }
        buf_printf(&rows, "\t%" PRId64 "\t", json_int_at(node, "projects"));
        add_score(node, "score", &rows);
        buf_add_str(&rows, "\n");
    }
    buf_add_str(out, "\nEvery node, as the scheduler sees it now:\n");
    describe_table(buf_str(&rows), out);
}

static void add_history(const json_t *history, int64_t now, Buf *out)
{
    _cleanup_(buf_done) Buf rows = { .max = CTL_OUTPUT_MAX };
    size_t i;
    json_t *past;

    if (json_array_size(history) == 0)
        return;
    buf_add_str(&rows, "EPOCH\tNODE\tSCORE\tNEXT BEST\tDECIDED\tENDED\tBECAUSE\n");
    json_array_foreach (history, i, past) {
        buf_printf(&rows, "%" PRId64 "\t", json_int_at(past, "epoch"));
        print_cell(json_text_at(past, "node"), "<none>", &rows);
        buf_add_str(&rows, "\t");
        add_score(past, "score", &rows);
        buf_add_str(&rows, "\t");
        add_runner_up(past, "-", &rows);
        buf_add_str(&rows, "\t");
        add_age(past, "at", now, &rows);
        buf_add_str(&rows, "\t");
        add_age(past, "releasedAt", now, &rows);
        buf_add_str(&rows, "\t");
        print_cell(json_text_at(past, "releasedBecause"), "<unknown>", &rows);
        buf_add_str(&rows, "\n");
    }
    buf_add_str(out, "\nEarlier decisions:\n");
    describe_table(buf_str(&rows), out);
}

/* What the project left behind on a live node goes first: for how long, and what ends it sooner. */
static void add_wait(const json_t *wait, int64_t now, Buf *out)
{
    _cleanup_(buf_done) Buf node = { .max = CTL_OUTPUT_MAX };
    char age[TIME_TEXT_MAX];
    int64_t then;
    bool zero;

    if (wait == NULL)
        return;
    print_clean(json_text_at(wait, "node"), &node);
    buf_printf(out, "Waits For:\t%s", buf_str(&node));
    if (time_parse_rfc3339(json_text_at(wait, "since"), &then, &zero, NULL) == 0 && !zero) {
        time_format_age(then, now, age);
        buf_printf(out, ", %s so far", age);
    }
    if (time_parse_rfc3339(json_text_at(wait, "until"), &then, &zero, NULL) == 0 && !zero) {
        time_format_age(now, then, age);
        buf_printf(out, ", %s more at the most", age);
    }
    buf_printf(out,
               "\nWould Help:\tits agent and engine at work: caractrl describe node %s; if the "
               "machine is gone for good: caractrl delete node %s --force\n",
               buf_str(&node), buf_str(&node));
}

static void add_line(const char *key, const json_t *why, const char *path, Buf *out)
{
    buf_printf(out, "%s:\t", key);
    print_cell(json_text_at(why, path), "<none>", out);
    buf_add_str(out, "\n");
}

void describe_why(const json_t *why, const json_t *placement, int64_t now, Buf *out)
{
    const json_t *decision = json_at(why, "decision");
    _cleanup_(buf_done) Buf rows = { .max = CTL_OUTPUT_MAX };

    add_line("Project", why, "project", &rows);
    add_line("Phase", why, "phase", &rows);
    add_line("Node", why, "node", &rows);
    if (*json_text_at(why, "message") != '\0')
        add_line("Why", why, "message", &rows);
    add_wait(json_at(why, "waitsFor"), now, &rows);
    if (decision != NULL)
        add_decision(decision, now, &rows);
    print_table(buf_str(&rows), out);
    if (decision == NULL && json_int_at(why, "fits") == 0)
        add_reasons(json_at(why, "reasons"), placement, out);
    add_verdicts(json_at(why, "nodes"), out);
    add_history(json_at(why, "history"), now, out);
}
