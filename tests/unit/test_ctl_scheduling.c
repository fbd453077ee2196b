/* What people see of the scheduler: why, plan, drain, and what describe says of placement; word for
 * word. */
#include "cara/mem.h"
#include "cara/time.h"
#include "command.h"
#include "describe.h"
#include "drain.h"
#include "listing.h"
#include "print.h"
#include "resource.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW "2026-11-23T16:25:18Z"

static int64_t now(void)
{
    int64_t seconds;
    bool zero;

    assert_int_equal(time_parse_rfc3339(NOW, &seconds, &zero, NULL), 0);
    return seconds;
}

static json_t *parse(const char *text)
{
    json_error_t why;
    json_t *value = json_loads(text, 0, &why);

    if (value == NULL)
        fail_msg("%s in %s", why.text, text);
    return value;
}

/* Without the marks for colours. */
static void assert_plain(const Buf *out, const char *expected)
{
    _cleanup_(buf_done) Buf plain = { .max = 1 << 20 };

    print_styled(buf_str(out), false, &plain);
    assert_string_equal(buf_str(&plain), expected);
}

/* ---- why ------------------------------------------------------------------------------------- */

static void assert_why(const char *why, const char *expected)
{
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *value = parse(why);

    describe_why(value, NULL, now(), &out);
    assert_plain(&out, expected);
}

static void labels_that_would_help_are_told(void **state)
{
    static const char placement[] =
        "{\"nodeSelector\":{\"disk\":\"ssd\",\"tier\":\"db\"},\"matchExpressions\":[{\"key\":"
        "\"zone\",\"operator\":\"In\",\"values\":[\"a\",\"b\"]},{\"key\":\"gpu\",\"operator\":"
        "\"Exists\"}]}";
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *asked = parse(placement);
    _cleanup_(json_decrefp) json_t *why = parse(
        "{\"project\":\"web\",\"phase\":\"Pending\",\"reasons\":[{\"reason\":\"NodeSelector\","
        "\"text\":\"a\",\"nodes\":2},{\"reason\":\"MatchExpressions\",\"text\":\"b\","
        "\"nodes\":1}]}");

    (void)state;
    describe_why(why, asked, now(), &out);
    assert_plain(&out,
                 "Project:   web\n"
                 "Phase:     Pending\n"
                 "Node:      <none>\n"
                 "\n"
                 "No place for it:\n"
                 "  NODES   REASON   SUCH AS   WHAT WOULD HELP\n"
                 "  -----   ------   -------   ---------------\n"
                 "  2       a                  label a node disk=ssd, tier=db, or change "
                 "spec.placement.nodeSelector\n"
                 "  1       b                  label a node zone In (a, b), gpu Exists, or change "
                 "spec.placement.matchExpressions\n");
}

static void a_waiting_project_is_told_what_would_help(void **state)
{
    (void)state;
    assert_why("{\"project\":\"web\",\"phase\":\"Pending\",\"message\":\"3 nodes: memory, short by "
               "512Mi; 2: taint gpu=only:NoSchedule\",\"reasons\":[{\"reason\":\"Memory\",\"text\":"
               "\"memory, short by 512Mi\",\"nodes\":3,\"example\":[\"n1\",\"n2\"]},{\"reason\":"
               "\"Taint\",\"text\":\"taint gpu=only:NoSchedule\",\"nodes\":2,\"example\":[\"n4\","
               "\"n5\"]},{\"reason\":\"New\",\"text\":\"something new\",\"nodes\":1}]}",
               "Project:   web\n"
               "Phase:     Pending\n"
               "Node:      <none>\n"
               "Why:       3 nodes: memory, short by 512Mi; 2: taint gpu=only:NoSchedule\n"
               "\n"
               "No place for it:\n"
               "  NODES   REASON                      SUCH AS       WHAT WOULD HELP\n"
               "  -----   ------                      -------       ---------------\n"
               "  3       memory, short by 512Mi      n1, n2, ...   request that much less, or "
               "free or add that much on one node\n"
               "  2       taint gpu=only:NoSchedule   n4, n5        tolerate it in "
               "spec.placement.tolerations, or take it off the node\n"
               "  1       something new                             \n");
}

static void one_that_waits_for_its_old_node_is_told_so_and_no_remedy_for_others(void **state)
{
    (void)state;
    assert_why(
        "{\"project\":\"web\",\"phase\":\"Pending\",\"message\":\"waits for node n1 to clear "
        "away what it has of it; 2 nodes fit; 1: Draining\",\"waitsFor\":{\"node\":\"n1\","
        "\"since\":\"2026-11-23T16:24:06Z\",\"until\":\"2026-11-23T16:34:06Z\"},\"fits\":2,"
        "\"reasons\":[{\"reason\":\"Draining\",\"text\":\"Draining\",\"nodes\":1}]}",
        "Project:      web\n"
        "Phase:        Pending\n"
        "Node:         <none>\n"
        "Why:          waits for node n1 to clear away what it has of it; 2 nodes fit; 1: "
        "Draining\n"
        "Waits For:    n1, 1m so far, 8m more at the most\n"
        "Would Help:   its agent and engine at work: caractrl describe node n1; if the "
        "machine is gone for good: caractrl delete node n1 --force\n");
}

static void one_that_waits_and_fits_nowhere_is_told_both(void **state)
{
    (void)state;
    assert_why("{\"project\":\"web\",\"phase\":\"Pending\",\"waitsFor\":{\"node\":\"n1\"},"
               "\"fits\":0,\"reasons\":[{\"reason\":\"Unschedulable\",\"text\":\"cordoned\","
               "\"nodes\":2}]}",
               "Project:      web\n"
               "Phase:        Pending\n"
               "Node:         <none>\n"
               "Waits For:    n1\n"
               "Would Help:   its agent and engine at work: caractrl describe node n1; if the "
               "machine is gone for good: caractrl delete node n1 --force\n"
               "\n"
               "No place for it:\n"
               "  NODES   REASON     SUCH AS   WHAT WOULD HELP\n"
               "  -----   ------     -------   ---------------\n"
               "  2       cordoned             open it again: caractrl uncordon\n");
}

static void what_ranked_before_the_score_is_shown(void **state)
{
    (void)state;
    assert_why(
        "{\"project\":\"web\",\"phase\":\"Running\",\"node\":\"n1\",\"decision\":{"
        "\"strategy\":\"Spread\",\"score\":-3,\"runnerUp\":\"n2\",\"runnerUpScore\":-1,"
        "\"standing\":[{\"node\":\"n1\",\"liking\":10,\"domain\":\"a\",\"domainProjects\":1},"
        "{\"node\":\"n2\",\"liking\":-1000,\"domain\":\"\",\"domainProjects\":4}]},"
        "\"nodes\":[{\"node\":\"n1\",\"verdict\":\"fits\",\"projects\":2,\"score\":-3,"
        "\"liking\":10,\"domain\":\"a\",\"domainProjects\":1},{\"node\":\"n2\",\"verdict\":"
        "\"fits\",\"score\":-1,\"liking\":-1000,\"domain\":\"\",\"domainProjects\":4}]}",
        "Project:    web\n"
        "Phase:      Running\n"
        "Node:       n1\n"
        "Decided:    <unknown>, epoch 0\n"
        "Score:      -3; next best: n2 (-1)\n"
        "Liking:     10; next best: -1000 now: preferred terms and PreferNoSchedule, before "
        "the score\n"
        "Domain:     a with 1 other project; next best: <none> with 4 other projects now: "
        "the emptier one, before the score\n"
        "Strategy:   Spread: minus the projects on the node, this one among them\n"
        "\n"
        "Every node, as the scheduler sees it now:\n"
        "  NODE   VERDICT   LACKS   LIKING   DOMAIN       PROJECTS   SCORE\n"
        "  ----   -------   -----   ------   ------       --------   -----\n"
        "  n1     fits      -       10       a (1)        2          -3\n"
        "  n2     fits      -       -1000    <none> (4)   0          -1\n");
}

static void liking_alone_needs_no_second(void **state)
{
    (void)state;
    assert_why("{\"project\":\"web\",\"phase\":\"Running\",\"node\":\"n1\",\"decision\":{"
               "\"score\":-3,\"standing\":[{\"node\":\"n1\",\"liking\":10}]}}",
               "Project:    web\n"
               "Phase:      Running\n"
               "Node:       n1\n"
               "Decided:    <unknown>, epoch 0\n"
               "Score:      -3; next best: none\n"
               "Liking:     10 now: preferred terms and PreferNoSchedule, before the score\n"
               "Strategy:   <none>\n");
}

static void a_placed_project_shows_its_score_beside_the_next_and_its_past(void **state)
{
    (void)state;
    assert_why(
        "{\"project\":\"web\",\"phase\":\"Running\",\"node\":\"n1\",\"reasons\":[{\"text\":\"x\"}],"
        "\"decision\":{\"epoch\":5,\"node\":\"n1\",\"at\":\"2026-11-20T16:25:18Z\",\"strategy\":"
        "\"Spread\",\"score\":-3,\"runnerUp\":\"n2\",\"runnerUpScore\":-4,\"excluded\":{\"Taint\":"
        "2,"
        "\"NotReady\":1}},\"history\":[{\"epoch\":4,\"node\":\"n3\",\"at\":"
        "\"2026-11-20T16:25:18Z\",\"score\":12.5,\"releasedAt\":\"2026-11-23T15:25:18Z\","
        "\"releasedBecause\":\"NodeLost\"}]}",
        "Project:    web\n"
        "Phase:      Running\n"
        "Node:       n1\n"
        "Decided:    3d ago, epoch 5\n"
        "Score:      -3; next best: n2 (-4)\n"
        "Strategy:   Spread: minus the projects on the node, this one among them\n"
        "Excluded:   1 node: NotReady, 2 nodes: Taint\n"
        "\n"
        "Earlier decisions:\n"
        "  EPOCH   NODE   SCORE   NEXT BEST   DECIDED   ENDED    BECAUSE\n"
        "  -----   ----   -----   ---------   -------   -----    -------\n"
        "  4       n3     12.5    -           3d ago    1h ago   NodeLost\n");
}

static void every_node_has_its_verdict_on_request(void **state)
{
    (void)state;
    assert_why("{\"project\":\"web\",\"phase\":\"Running\",\"node\":\"n1\",\"decision\":{"
               "\"strategy\":\"BinPack\"},\"nodes\":[{\"node\":\"n1\",\"verdict\":\"fits\","
               "\"projects\":3,\"score\":40.5},{\"node\":\"n2\",\"verdict\":\"Memory\",\"lacks\":"
               "\"512Mi\",\"projects\":1}]}",
               "Project:    web\n"
               "Phase:      Running\n"
               "Node:       n1\n"
               "Decided:    <unknown>, epoch 0\n"
               "Score:      -; next best: none\n"
               "Strategy:   BinPack: percent of the node that was in use before\n"
               "\n"
               "Every node, as the scheduler sees it now:\n"
               "  NODE   VERDICT   LACKS   PROJECTS   SCORE\n"
               "  ----   -------   -----   --------   -----\n"
               "  n1     fits      -       3          40.5\n"
               "  n2     Memory    512Mi   1          -\n");
}

/* ---- plan ------------------------------------------------------------------------------------ */

static void a_plan_is_a_table_and_a_sum(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *plan = parse(
        "{\"items\":[{\"kind\":\"Node\",\"name\":\"n1\",\"action\":\"unchanged\"},{\"kind\":"
        "\"Project\",\"name\":\"a\",\"action\":\"create\",\"to\":\"n2\"},{\"kind\":\"Project\","
        "\"name\":\"b\",\"action\":\"create\",\"message\":\"1 node: cpu, short by 1\"},{\"kind\":"
        "\"Project\",\"name\":\"c\",\"action\":\"move\",\"from\":\"n1\",\"to\":\"n2\",\"message\":"
        "\"Drained\"},{\"kind\":\"Project\",\"name\":\"d\",\"action\":\"delete\",\"from\":\"n1\"}],"
        "\"summary\":{\"unchanged\":1,\"move\":1,\"delete\":1,\"create\":2}}");

    print_plan(plan, &out);
    print_plan_summary(plan, &out);
    buf_add_str(&out, "\n");
    print_plan_names(plan, &out);
    assert_plain(&out, "ACTION      OBJECT      NODE       WHY\n"
                       "unchanged   node/n1     -          -\n"
                       "create      project/a   -> n2      -\n"
                       "create      project/b   -          1 node: cpu, short by 1\n"
                       "move        project/c   n1 -> n2   Drained\n"
                       "delete      project/d   n1         -\n"
                       "\n"
                       "2 to create (1 left waiting), 1 to delete, 1 to move, 1 unchanged\n"
                       "project/a\nproject/b\nproject/c\nproject/d\n");
}

static void a_plan_tells_what_loses_its_node_from_what_keeps_it(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *plan = parse(
        "{\"items\":[{\"kind\":\"Project\",\"name\":\"a\",\"action\":\"update\",\"from\":\"n1\","
        "\"to\":\"n1\"},{\"kind\":\"Project\",\"name\":\"b\",\"action\":\"update\",\"from\":"
        "\"n1\",\"message\":\"1 node: cpu, short by 1\"},{\"kind\":\"Project\",\"name\":\"c\","
        "\"action\":\"update\"},{\"kind\":\"Node\",\"name\":\"n1\",\"action\":\"update\"},{"
        "\"kind\":"
        "\"Project\",\"name\":\"d\",\"action\":\"pending\",\"from\":\"n2\"},{\"kind\":\"Project\","
        "\"name\":\"e\",\"action\":\"stay\",\"from\":\"n2\"}],"
        "\"summary\":{\"update\":4,\"pending\":1,\"stay\":1}}");

    print_plan(plan, &out);
    print_plan_summary(plan, &out);
    assert_plain(&out, "ACTION    OBJECT      NODE      WHY\n"
                       "update    project/a   n1        -\n"
                       "update    project/b   n1 -> -   1 node: cpu, short by 1\n"
                       "update    project/c   -         -\n"
                       "update    node/n1     -         -\n"
                       "pending   project/d   n2 -> -   -\n"
                       "stay      project/e   n2        -\n"
                       "\n"
                       "4 to update (2 left waiting), 1 to stay, 1 left waiting");
}

static void an_empty_plan_says_so(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *plan = parse("{\"items\":[],\"summary\":{}}");

    print_plan(plan, &out);
    print_plan_summary(plan, &out);
    assert_plain(&out, "nothing to do");
}

/* ---- drain ----------------------------------------------------------------------------------- */

static void assert_news(const char *before, const char *after, const char *expected)
{
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *was = before != NULL ? parse(before) : NULL;
    _cleanup_(json_decrefp) json_t *is = parse(after);

    drain_print_changes(was, is, &out);
    assert_plain(&out, expected);
}

#define STAYS(why) "{\"project\":\"c\",\"reason\":\"" why "\"}"

static void a_drain_tells_each_change_once(void **state)
{
    (void)state;
    assert_news(NULL, "{\"leaving\":[\"a\",\"b\"],\"staying\":[" STAYS("its data is here") "]}",
                "project/c stays: its data is here\n");
    assert_news("{\"leaving\":[\"a\",\"b\"],\"staying\":[" STAYS("x") "]}",
                "{\"leaving\":[\"b\"],\"staying\":[" STAYS("x") "]}", "project/a left\n");
    assert_news("{\"leaving\":[\"b\"],\"staying\":[" STAYS("x") "]}",
                "{\"leaving\":[],\"staying\":[" STAYS("y") "]}",
                "project/b left\nproject/c stays: y\n");
    assert_news("{\"leaving\":[\"c\"]}", "{\"staying\":[" STAYS("x") "]}", "project/c stays: x\n");
    assert_news("{\"staying\":[" STAYS("x") "]}", "{\"leaving\":[\"c\"]}", "");
    assert_news("{\"leaving\":[3,null],\"staying\":[7]}", "{}", "project/ left\n");
}

static void a_drains_line_fits_the_terminal(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *status =
        parse("{\"node\":\"n1\",\"moved\":3,\"leaving\":[\"a\",\"b\",\"d\",\"e\",\"f\"],"
              "\"staying\":[" STAYS("x") "]}");

    drain_print_line(status, 12, 200, &out);
    assert_plain(&out, "n1: 12s, 3 moved, 5 leaving, 1 staying: a, b, d, e, f and 1 more");
    buf_reset(&out);
    drain_print_line(status, 12, 10, &out);
    assert_plain(&out, "n1: 12s, 3");
}

static void a_forecast_tells_who_would_stay(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *status =
        parse("{\"leaving\":[\"abcdefgh\"],\"staying\":[" STAYS("its data is here") "]}");
    _cleanup_(json_decrefp) json_t *empty = parse("{\"leaving\":[],\"staying\":[]}");

    drain_print_forecast(status, &out);
    drain_print_forecast(empty, &out);
    assert_plain(&out, "PROJECT    WOULD   WHY\n"
                       "abcdefgh   leave   -\n"
                       "c          stay    its data is here\n"
                       "\n");
}

/* ---- describe, get --------------------------------------------------------------------------- */

/* From `start` on to the next empty line. */
static void assert_section(const Buf *out, const char *start, const char *expected)
{
    const char *from = strstr(buf_str(out), start);

    assert_non_null(from);
    const char *end = strstr(from, "\n\n");
    _cleanup_(mem_freep) char *section =
        mem_strndup(from, end != NULL ? (size_t)(end - from) + 1 : strlen(from));
    assert_string_equal(section, expected);
}

static void taints_and_reservations_are_described(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *node =
        parse("{\"spec\":{\"hostname\":\"h\",\"taints\":[{\"key\":\"gpu\",\"value\":\"only\","
              "\"effect\":\"NoSchedule\"},{\"key\":\"x\",\"effect\":\"NoExecute\"}],\"reserved\":{"
              "\"memory\":\"1Gi\",\"cpu\":\"500m\"}}}");

    describe_node(node, now(), &out);
    assert_section(&out, "Spec:\n",
                   "Spec:\n"
                   "  Hostname:\th\n"
                   "  Unschedulable:\tfalse\n"
                   "  Taints:\tgpu=only:NoSchedule, x:NoExecute\n"
                   "  Reserved:\tcpu=500m, memory=1Gi\n");
}

static void resources_ports_and_placement_are_described(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *project = parse(
        "{\"spec\":{\"services\":[{\"name\":\"web\",\"image\":\"i\",\"resources\":{\"requests\":{"
        "\"memory\":\"256Mi\",\"cpu\":\"500m\"},\"limits\":{\"cpu\":\"1\"}},\"ports\":[{"
        "\"containerPort\":80,\"hostPort\":8080},{\"containerPort\":53,\"protocol\":\"UDP\"}]}],"
        "\"onNodeLost\":\"Wait\",\"placement\":{\"nodeSelector\":{\"disk\":\"ssd\"},"
        "\"matchExpressions\":[{\"key\":\"zone\",\"operator\":\"In\",\"values\":[\"a\",\"b\"]}],"
        "\"tolerations\":[{\"key\":\"gpu\",\"value\":\"only\",\"effect\":\"NoSchedule\"},{"
        "\"operator\":\"Exists\"}],\"affinity\":[{\"matchLabels\":{\"tier\":\"db\"},"
        "\"topologyKey\":\"zone\",\"weight\":10}],\"antiAffinity\":[{\"matchLabels\":{\"app\":"
        "\"web\"}},{\"matchExpressions\":[{\"key\":\"loud\",\"operator\":\"Exists\"}]}],"
        "\"priority\":0,\"preemption\":\"Never\"}}}");

    describe_project(project, now(), &out);
    assert_section(&out, "    - Name:",
                   "    - Name:    web\n"
                   "      Image:   i\n"
                   "      Resources:\n"
                   "        requests: cpu=500m, memory=256Mi\n"
                   "        limits: cpu=1\n"
                   "      Ports:\n"
                   "        80/TCP -> host 8080\n"
                   "        53/UDP\n");
    assert_section(&out, "  Expire At:",
                   "  Expire At:\t<none>\n"
                   "  On Node Lost:\tWait\n"
                   "  Placement:\n"
                   "    Nodes:           disk=ssd, zone In (a, b)\n"
                   "    Tolerations:     gpu=only:NoSchedule, any taint\n"
                   "    Affinity:        tier=db, on the same zone, weight 10\n"
                   "    Anti-Affinity:   app=web, not on the same node\n"
                   "                     loud Exists, not on the same node\n"
                   "    Priority:        0\n"
                   "    Preemption:      Never\n");
}

static void wide_nodes_tell_whether_they_take_projects(void **state)
{
    (void)state;
    Ctl ctl = { .output = OUTPUT_WIDE, .now = now(), .out = { .max = 1 << 20 } };
    _cleanup_(json_decrefp) json_t *nodes =
        parse("[{\"metadata\":{\"name\":\"a\"},\"status\":{\"state\":\"Ready\"}},"
              "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"unschedulable\":true},\"status\":{"
              "\"state\":\"Ready\"}},{\"metadata\":{\"name\":\"c\"},\"spec\":{\"unschedulable\":"
              "true,\"taints\":[{\"key\":\"k\",\"effect\":\"NoExecute\"}]},\"status\":{\"state\":"
              "\"Draining\"}}]");
    Err err;

    assert_int_equal(resource_print(&ctl, &resource_node, nodes, nodes, &err), 0);
    assert_non_null(strstr(buf_str(&ctl.out), "SCHEDULABLE     TAINTS        CPU"));
    assert_non_null(strstr(buf_str(&ctl.out), "<unknown>   yes             <none>        <none>"));
    assert_non_null(strstr(buf_str(&ctl.out), "<unknown>   no (cordoned)   <none>        <none>"));
    assert_non_null(strstr(buf_str(&ctl.out), "<unknown>   no (draining)   k:NoExecute   <none>"));
    buf_done(&ctl.out);
}

static void settings_have_names_of_their_own(void **state)
{
    (void)state;
    Ctl ctl = { .output = OUTPUT_TABLE, .now = now(), .out = { .max = 1 << 20 } };
    _cleanup_(json_decrefp) json_t *settings =
        parse("[{\"name\":\"poll_interval\",\"kind\":\"interval\",\"value\":\"30s\",\"comment\":"
              "\"the slow poll\"}]");
    const char *name;
    Err err;

    assert_int_equal(resource_print(&ctl, &resource_setting, settings, settings, &err), 0);
    ctl.output = OUTPUT_NAME;
    assert_int_equal(resource_print(&ctl, &resource_setting, settings, settings, &err), 0);
    assert_plain(&ctl.out, "NAME            VALUE   DESCRIPTION\n"
                           "poll_interval   30s     the slow poll\n"
                           "setting/poll_interval\n");
    assert_null(resource_of_arg("setting/poll_interval", &name));
    buf_done(&ctl.out);
}

static void commands_of_one_kind_take_kind_and_name_too(void **state)
{
    (void)state;
    const CommandLine line = { .command = command_find("why") };
    Err err = { 0 };

    assert_string_equal(listing_name(&line, &resource_project, "web", &err), "web");
    assert_string_equal(listing_name(&line, &resource_project, "project/web", &err), "web");
    assert_string_equal(listing_name(&line, &resource_project, "a/web", &err), "a/web");
    assert_null(listing_name(&line, &resource_project, "node/web", &err));
    assert_string_equal(err.message, "why wants a project: \"node/web\" is a node");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiting_project_is_told_what_would_help),
        cmocka_unit_test(labels_that_would_help_are_told),
        cmocka_unit_test(one_that_waits_for_its_old_node_is_told_so_and_no_remedy_for_others),
        cmocka_unit_test(one_that_waits_and_fits_nowhere_is_told_both),
        cmocka_unit_test(what_ranked_before_the_score_is_shown),
        cmocka_unit_test(liking_alone_needs_no_second),
        cmocka_unit_test(a_placed_project_shows_its_score_beside_the_next_and_its_past),
        cmocka_unit_test(every_node_has_its_verdict_on_request),
        cmocka_unit_test(a_plan_is_a_table_and_a_sum),
        cmocka_unit_test(a_plan_tells_what_loses_its_node_from_what_keeps_it),
        cmocka_unit_test(an_empty_plan_says_so),
        cmocka_unit_test(a_drain_tells_each_change_once),
        cmocka_unit_test(a_drains_line_fits_the_terminal),
        cmocka_unit_test(a_forecast_tells_who_would_stay),
        cmocka_unit_test(taints_and_reservations_are_described),
        cmocka_unit_test(resources_ports_and_placement_are_described),
        cmocka_unit_test(wide_nodes_tell_whether_they_take_projects),
        cmocka_unit_test(settings_have_names_of_their_own),
        cmocka_unit_test(commands_of_one_kind_take_kind_and_name_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
