/* `describe` and the tables of `get`, word for word. */
#include "cara/mem.h"
#include "cara/time.h"
#include "describe.h"
#include "print.h"
#include "resource.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define YEAR_1 "\"0001-01-01T00:00:00Z\""

static int64_t at(const char *text)
{
    int64_t seconds;
    bool zero;

    assert_int_equal(time_parse_rfc3339(text, &seconds, &zero, NULL), 0);
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

static void node_is_described(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *node =
        parse("{\"metadata\":{\"name\":\"node-01\",\"createdAt\":\"2026-11-20T16:25:13.2Z\","
              "\"labels\":{\"zone\":\"hsinchu\",\"a\":\"b\"}},"
              "\"spec\":{\"hostname\":\"node-01\",\"unschedulable\":true},"
              "\"status\":{\"state\":\"Ready\",\"network\":{\"ip\":\"10.0.0.5\",\"agentPort\":9090,"
              "\"throughput\":{\"lastTestTime\":" YEAR_1 "}},"
              "\"capacity\":{\"memory\":\"16Gi\",\"cpu\":\"8\"},\"info\":{},"
              "\"lastHeartbeat\":\"2026-11-23T16:25:06Z\",\"conditions\":[{\"type\":\"Ready\","
              "\"status\":\"True\",\"lastHeartbeatTime\":" YEAR_1 ","
              "\"lastTransitionTime\":\"2026-04-12T10:00:00Z\",\"reason\":\"AgentReady\","
              "\"message\":\"Agent is healthy and posting heartbeats\"}]}}");

    describe_node(node, at("2026-11-23T16:25:18Z"), &out);
    assert_plain(&out,
                 "Name:\tnode-01\n"
                 "Kind:\tNode\n"
                 "Created:\t2026-11-20T16:25:13Z (3d ago)\n"
                 "Labels:\ta=b, zone=hsinchu\n"
                 "Annotations:\t<none>\n"
                 "\n"
                 "Spec:\n"
                 "  Hostname:\tnode-01\n"
                 "  Unschedulable:\ttrue\n"
                 "\n"
                 "Status:\n"
                 "  State:\tReady\n"
                 "  Last Heartbeat:\t2026-11-23T16:25:06Z (12s ago)\n"
                 "\n"
                 "Info:\n"
                 "  Kernel Version:\t<none>\n"
                 "  OS Image:\t<none>\n"
                 "  Agent Version:\t<none>\n"
                 "\n"
                 "Network:\n"
                 "  IP:\t10.0.0.5\n"
                 "  DNS Name:\t<none>\n"
                 "  Mode:\t<none>\n"
                 "  Agent Port:\t9090\n"
                 "  Throughput:\n"
                 "    Download:\t<none>\n"
                 "    Upload:\t<none>\n"
                 "    Last Test:\t<none>\n"
                 "\n"
                 "Capacity:\n"
                 "  cpu:\t8\n"
                 "  memory:\t16Gi\n"
                 "Allocatable:\n"
                 "  <none>\n"
                 "\n"
                 "Conditions:\n"
                 "  TYPE    STATUS   LAST HEARTBEAT   LAST TRANSITION        REASON       MESSAGE\n"
                 "  ----    ------   --------------   ---------------        ------       -------\n"
                 "  Ready   True     <none>           2026-04-12T10:00:00Z   AgentReady   "
                 "Agent is healthy and posting heartbeats\n");
}

static void assert_room(const char *room, const char *expected)
{
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *value = parse(room);

    describe_room(value, &out);
    assert_plain(&out, expected);
}

static void how_full_a_node_is_is_described(void **state)
{
    (void)state;
    assert_room("{\"projects\":3,\"cpu\":{\"requested\":\"1500m\",\"of\":\"4\",\"percent\":38},"
                "\"memory\":{\"requested\":\"512Mi\",\"of\":\"0\"}}",
                "\nAllocated resources:\n"
                "  Projects:\t3\n"
                "  cpu:\t1500m of 4 (38%)\n"
                "  memory:\t512Mi of 0\n");
    assert_room("{\"cpu\":{\"requested\":\"2\"}}", "\nAllocated resources:\n"
                                                   "  Projects:\t0\n"
                                                   "  cpu:\t2\n"
                                                   "  memory:\t0\n");
}

#define WORDPRESS                                                                                  \
    "{\"metadata\":{\"name\":\"wordpress\",\"createdAt\":\"2026-11-23T15:23:38Z\"},"               \
    "\"spec\":{\"services\":[{\"name\":\"db\",\"image\":\"mysql:8\","                              \
    "\"env\":[{\"name\":\"MYSQL_ROOT_PASSWORD\",\"value\":\"secret\"},{\"name\":\"EMPTY\"}],"      \
    "\"volumeMounts\":[{\"name\":\"mysql-data\",\"mountPath\":\"/var/lib/mysql\"}]},"              \
    "{\"name\":\"app\",\"image\":\"wordpress:latest\"}],"                                          \
    "\"volumes\":[{\"name\":\"mysql-data\",\"type\":\"Ephemeral\"}],"                              \
    "\"ingress\":[{\"name\":\"web\",\"host\":\"blog.example.com\","                                \
    "\"target\":{\"service\":\"app\",\"port\":80},\"access\":{\"scope\":\"Internal\"}}]},"         \
    "\"status\":{\"phase\":\"Running\",\"nodeRef\":\"node-01\",\"conditions\":[{"                  \
    "\"type\":\"Phase\",\"status\":\"True\",\"lastHeartbeatTime\":" YEAR_1 ","                     \
    "\"lastTransitionTime\":\"2026-04-12T02:00:00Z\",\"reason\":\"ContainersRunning\","            \
    "\"message\":\"All containers running\"}]"

static void project_is_described(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *project = parse(WORDPRESS "}}");

    describe_project(project, at("2026-11-23T16:25:18Z"), &out);
    assert_plain(&out,
                 "Name:\twordpress\n"
                 "Kind:\tProject\n"
                 "Created:\t2026-11-23T15:23:38Z (1h ago)\n"
                 "Labels:\t<none>\n"
                 "Annotations:\t<none>\n"
                 "\n"
                 "Spec:\n"
                 "  Services:\n"
                 "    - Name:    db\n"
                 "      Image:   mysql:8\n"
                 "      Env:\n"
                 "        MYSQL_ROOT_PASSWORD=secret\n"
                 "        EMPTY=\n"
                 "      Volume Mounts:\n"
                 "        mysql-data -> /var/lib/mysql\n"
                 "    - Name:    app\n"
                 "      Image:   wordpress:latest\n"
                 "\n"
                 "  Volumes:\n"
                 "    - Name:   mysql-data\n"
                 "      Type:   Ephemeral\n"
                 "\n"
                 "  Ingress:\n"
                 "    - Name:    web\n"
                 "      Host:    blog.example.com\n"
                 "      Target:  app:80\n"
                 "      Scope:   Internal\n"
                 "\n"
                 "  Expire At:\t<none>\n"
                 "\n"
                 "Status:\n"
                 "  Phase:\tRunning\n"
                 "  Node:\tnode-01\n"
                 "\n"
                 "Conditions:\n"
                 "  TYPE    STATUS   LAST HEARTBEAT   LAST TRANSITION        REASON              "
                 "MESSAGE\n"
                 "  ----    ------   --------------   ---------------        ------              "
                 "-------\n"
                 "  Phase   True     <none>           2026-04-12T02:00:00Z   ContainersRunning   "
                 "All containers running\n");
}

static void empty_project_says_none(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *project =
        parse("{\"spec\":{\"services\":null,\"expireAt\":\"2030-01-01T00:00:00Z\"}}");

    describe_project(project, at("2026-11-23T16:58:40Z"), &out);
    assert_plain(&out, "Name:\t<none>\n"
                       "Kind:\tProject\n"
                       "Created:\t<none>\n"
                       "Labels:\t<none>\n"
                       "Annotations:\t<none>\n"
                       "\n"
                       "Spec:\n"
                       "  Services:\n"
                       "    <none>\n"
                       "\n"
                       "  Volumes:\n"
                       "    <none>\n"
                       "\n"
                       "  Ingress:\n"
                       "    <none>\n"
                       "\n"
                       "  Expire At:\t2030-01-01T00:00:00Z (-98002880s ago)\n"
                       "\n"
                       "Status:\n"
                       "  Phase:\t<none>\n"
                       "  Node:\t<none>\n"
                       "\n"
                       "Conditions:\n"
                       "  <none>\n");
}

static void containers_and_events_follow_when_there_are_any(void **state)
{
    (void)state;
    _cleanup_(buf_done) Buf out = { .max = 1 << 20 };
    _cleanup_(json_decrefp) json_t *project = parse(
        WORDPRESS ",\"services\":[{\"name\":\"db\",\"state\":\"exited\",\"exitCode\":137,"
                  "\"oomKilled\":true,\"restarts\":3,\"image\":\"mysql:8\","
                  "\"imageDigest\":\"sha256:0123456789abcdef\",\"containerId\":\"aabbccddeeff\"},"
                  "{\"name\":\"app\",\"state\":\"running\",\"health\":\"healthy\","
                  "\"ip\":\"10.0.0.2\",\"image\":\"w\"}]}}");
    _cleanup_(json_decrefp) json_t *events = parse(
        "[{\"type\":\"Normal\",\"reason\":\"Scheduled\",\"message\":\"to n1\",\"count\":1,"
        "\"lastTimestamp\":\"2026-11-23T16:25:08Z\"},{\"type\":\"Warning\",\"reason\":\"Crashed\","
        "\"message\":\"db\",\"count\":4,\"firstTimestamp\":\"2026-11-23T15:25:18Z\","
        "\"lastTimestamp\":\"2026-11-23T16:25:17Z\"}]");
    int64_t now = at("2026-11-23T16:25:18Z");

    describe_project(project, now, &out);
    describe_events(events, now, &out);
    describe_events(NULL, now, &out);
    _cleanup_(mem_freep) char *tail = mem_strdup(strstr(buf_str(&out), "\nServices:\n"));
    buf_reset(&out);
    buf_add_str(&out, tail);
    assert_plain(&out,
                 "\nServices:\n"
                 "  NAME   STATE                         HEALTH    RESTARTS   IP         CONTAINER"
                 "      IMAGE                         MESSAGE\n"
                 "  ----   -----                         ------    --------   --         ---------"
                 "      -----                         -------\n"
                 "  db     exited (137, out of memory)   <none>    3          <none>     "
                 "aabbccddeeff   mysql:8@sha256:0123456789ab   <none>\n"
                 "  app    running                       healthy   0          10.0.0.2   <none>   "
                 "      w                             <none>\n"
                 "\nEvents:\n"
                 "  AGE               TYPE      REASON      MESSAGE\n"
                 "  ---               ----      ------      -------\n"
                 "  10s               Normal    Scheduled   to n1\n"
                 "  1s (4x over 1h)   Warning   Crashed     db\n");
}

static void assert_list(const Resource *resource, OutputFormat format, const char *items,
                        const char *expected)
{
    Ctl ctl = { .output = format, .now = at("2026-11-23T16:25:18Z"), .out = { .max = 1 << 20 } };
    _cleanup_(json_decrefp) json_t *list = parse(items);
    Err err;

    assert_int_equal(resource_print(&ctl, resource, list, list, &err), 0);
    assert_plain(&ctl.out, expected);
    buf_done(&ctl.out);
}

static void tables_have_the_columns_people_know(void **state)
{
    (void)state;
    assert_list(&resource_node, OUTPUT_TABLE,
                "[{\"metadata\":{\"name\":\"node-01\",\"createdAt\":\"2026-11-20T16:25:13Z\"},"
                "\"status\":{\"state\":\"Ready\",\"network\":{\"ip\":\"10.0.0.5\"}}},"
                "{\"metadata\":{\"name\":\"n2\",\"createdAt\":" YEAR_1 "}}]",
                "NAME      STATE       IP         AGE\n"
                "node-01   Ready       10.0.0.5   3d\n"
                "n2        <unknown>   <none>     <unknown>\n");
    assert_list(&resource_project, OUTPUT_TABLE,
                "[{\"metadata\":{\"name\":\"nginx-demo\",\"createdAt\":\"2026-11-23T16:25:13Z\"},"
                "\"status\":{\"phase\":\"Running\",\"nodeRef\":\"my-node\",\"conditions\":["
                "{\"reason\":\"Old\"},{\"reason\":\"ContainersRunning\"}]}},"
                "{\"metadata\":{\"name\":\"x\",\"createdAt\":\"2026-11-23T16:25:47Z\"},"
                "\"status\":{\"conditions\":[]}}]",
                "NAME         PHASE       NODE      CONDITIONS          AGE\n"
                "nginx-demo   Running     my-node   ContainersRunning   5s\n"
                "x            <unknown>   <none>    -                   -29s\n");
    assert_list(&resource_project, OUTPUT_TABLE, "[]", "NAME   PHASE   NODE   CONDITIONS   AGE\n");
    assert_list(&resource_node, OUTPUT_NAME, "[{\"metadata\":{\"name\":\"a\"}}]", "node/a\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_is_described),
        cmocka_unit_test(how_full_a_node_is_is_described),
        cmocka_unit_test(project_is_described),
        cmocka_unit_test(empty_project_says_none),
        cmocka_unit_test(containers_and_events_follow_when_there_are_any),
        cmocka_unit_test(tables_have_the_columns_people_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
