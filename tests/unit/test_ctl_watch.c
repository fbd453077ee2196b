/* What caractrl makes of watches: their lines, what is news, what is waited for, and how far an
 * apply is; all of it pure. */
#include "cara/mem.h"
#include "command.h"
#include "condition.h"
#include "events.h"
#include "known.h"
#include "listing.h"
#include "live.h"
#include "print.h"
#include "progress.h"
#include "resource.h"
#include "watch_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
    json_error_t why;
    json_t *value = json_loads(text, 0, &why);

    if (value == NULL)
        fail_msg("%s in %s", why.text, text);
    return value;
}

static void assert_plain(const Buf *out, const char *expected)
{
    _cleanup_(buf_done) Buf plain = { .max = 1 << 20 };

    print_styled(buf_str(out), false, &plain);
    assert_string_equal(buf_str(&plain), expected);
}

/* ---- lines ----------------------------------------------------------------------------------- */

typedef struct Seen {
    Buf words;
    int enough_after; /* 0 for never */
} Seen;

static bool see(void *arg, WatchType type, const json_t *object)
{
    Seen *seen = arg;

    buf_printf(&seen->words, "%s:%s ", watch_type_word(type),
               json_string_value(json_object_get(object, "n")));
    return seen->enough_after == 0 || --seen->enough_after > 0;
}

static int feed(const char *text, size_t piece, Seen *seen, Err *err)
{
    _cleanup_(watch_lines_done) WatchLines lines;
    size_t len = strlen(text);
    int result = 1;

    watch_lines_init(&lines, see, seen);
    for (size_t i = 0; i < len && result == 1; i += piece)
        result = watch_lines_feed(&lines, text + i, len - i < piece ? len - i : piece, err);
    return result;
}

static void lines_are_read_wherever_they_are_cut(void **state)
{
    static const char text[] = "{\"type\":\"ADDED\",\"object\":{\"n\":\"a\"}}\n\n  \r\n"
                               "{\"type\":\"MODIFIED\",\"object\":{\"n\":\"b\"}}\r\n"
                               "{\"type\":\"NOVEL\",\"object\":{\"n\":\"?\"}}\n"
                               "{\"object\":{\"n\":\"c\"},\"type\":\"DELETED\"}\n"
                               "{\"type\":\"BOOKMARK\",\"object\":{\"n\":\"d\"}}\n"
                               "{\"type\":\"ERROR\",\"object\":{\"n\":\"e\"}}\n"
                               "{\"type\":\"ADDED\",\"object\":{\"n\":\"unfinished\"}}";

    (void)state;
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        _cleanup_(buf_done) Buf words = { .max = 4096 };
        Seen seen = { .words = words };
        assert_int_equal(feed(text, piece, &seen, NULL), 1);
        assert_string_equal(buf_str(&seen.words),
                            "ADDED:a MODIFIED:b DELETED:c BOOKMARK:d ERROR:e ");
        words = seen.words;
    }
}

static void a_sink_that_has_enough_is_left_alone(void **state)
{
    Seen seen = { .words = { .max = 4096 }, .enough_after = 1 };

    (void)state;
    assert_int_equal(feed("{\"type\":\"ADDED\",\"object\":{\"n\":\"a\"}}\n"
                          "{\"type\":\"ADDED\",\"object\":{\"n\":\"b\"}}\n",
                          200, &seen, NULL),
                     0);
    assert_string_equal(buf_str(&seen.words), "ADDED:a ");
    buf_done(&seen.words);
}

static void what_is_no_line_of_a_watch_is_an_error(void **state)
{
    static const char *const wrong[] = { "nonsense\n",
                                         "[1]\n",
                                         "{}\n",
                                         "{\"type\":\"ADDED\"}\n",
                                         "{\"type\":1,\"object\":{}}\n",
                                         "{\"type\":\"ADDED\",\"object\":[]}\n" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        Seen seen = { .words = { .max = 4096 } };
        Err err = { 0 };
        assert_int_equal(feed(wrong[i], 7, &seen, &err), -1);
        assert_int_equal(err.kind, ERR_HTTP);
        assert_non_null(strstr(err.message, "decode watch"));
        buf_done(&seen.words);
    }
}

static void a_line_without_an_end_is_not_kept_for_ever(void **state)
{
    _cleanup_(watch_lines_done) WatchLines lines;
    _cleanup_(mem_freep) char *blanks = mem_alloc(1 << 20);
    Seen seen = { .words = { .max = 4096 } };
    Err err = { 0 };
    int result = 1;

    (void)state;
    memset(blanks, ' ', 1 << 20);
    watch_lines_init(&lines, see, &seen);
    for (int i = 0; i < 17 && result == 1; i++)
        result = watch_lines_feed(&lines, blanks, 1 << 20, &err);
    assert_int_equal(result, -1);
    assert_non_null(strstr(err.message, "longer than 16 MiB"));
}

static void what_is_left_at_the_end_counts_when_it_is_whole(void **state)
{
    static const struct {
        const char *text;
        int result;
        const char *seen;
    } cases[] = {
        { "", 1, "" },
        { "{\"type\":\"ADDED\",\"object\":{\"n\":\"a\"}}", 1, "ADDED:a " },
        { "{\"type\":\"ADDED\",\"obj", 1, "" },
        { "{\"kind\":\"ProjectList\",\"items\":[]}", -1, "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(watch_lines_done) WatchLines lines;
        Seen seen = { .words = { .max = 4096 } };
        watch_lines_init(&lines, see, &seen);
        assert_int_equal(watch_lines_feed(&lines, cases[i].text, strlen(cases[i].text), NULL), 1);
        assert_int_equal(watch_lines_end(&lines, NULL), cases[i].result);
        assert_string_equal(buf_str(&seen.words), cases[i].seen);
        buf_done(&seen.words);
    }
}

/* ---- what is news ---------------------------------------------------------------------------- */

static json_t *object_of(const char *name, const char *version)
{
    return json_pack("{s:{s:s, s:s}}", "metadata", "name", name, "resourceVersion", version);
}

/* "ADDED", or "" for what is not news. */
static const char *take(json_t *known, WatchType type, const char *name, const char *version)
{
    _cleanup_(json_decrefp) json_t *object = object_of(name, version);

    return known_take(known, &type, object) ? watch_type_word(type) : "";
}

static void only_what_is_newer_is_news(void **state)
{
    _cleanup_(json_decrefp) json_t *known = json_object();

    (void)state;
    assert_string_equal(take(known, WATCH_MODIFIED, "a", "9"), "ADDED");
    assert_string_equal(take(known, WATCH_ADDED, "a", "9"), "");
    assert_string_equal(take(known, WATCH_MODIFIED, "a", "8"), "");
    assert_string_equal(take(known, WATCH_ADDED, "a", "10"), "MODIFIED");
    assert_string_equal(take(known, WATCH_DELETED, "a", "9"), "");
    assert_string_equal(take(known, WATCH_DELETED, "a", "11"), "DELETED");
    assert_string_equal(take(known, WATCH_DELETED, "a", "12"), "");
    assert_string_equal(take(known, WATCH_DELETED, "never there", "13"), "");
    assert_string_equal(take(known, WATCH_ADDED, "a", "14"), "ADDED");
}

static void versions_that_are_no_numbers_can_only_be_the_same_or_not(void **state)
{
    _cleanup_(json_decrefp) json_t *known = json_object();

    (void)state;
    assert_string_equal(take(known, WATCH_ADDED, "a", "xyz"), "ADDED");
    assert_string_equal(take(known, WATCH_ADDED, "a", "xyz"), "");
    assert_string_equal(take(known, WATCH_ADDED, "a", "abc"), "MODIFIED");
    assert_string_equal(take(known, WATCH_ADDED, "a", "1"), "MODIFIED");
    assert_string_equal(take(known, WATCH_ADDED, "a", ""), "MODIFIED");
}

static void what_a_list_no_longer_has_is_missing(void **state)
{
    _cleanup_(json_decrefp) json_t *known = json_object();
    _cleanup_(json_decrefp) json_t *items = json_pack("[o]", object_of("stays", "1"));

    (void)state;
    take(known, WATCH_ADDED, "stays", "1");
    take(known, WATCH_ADDED, "goes", "2");
    _cleanup_(json_decrefp) json_t *missing = known_missing(known, items);
    _cleanup_(json_decrefp) json_t *expected = parse("[{\"metadata\":{\"name\":\"goes\"}}]");
    assert_true(json_equal(missing, expected));
    known_forget(known, json_array_get(missing, 0));
    assert_int_equal(json_object_size(known), 1);
}

static void an_event_is_news_once_and_again_when_it_happened_again(void **state)
{
    json_t *seen = NULL;
    _cleanup_(json_decrefp) json_t *first =
        parse("[{\"id\":1,\"count\":1},{\"id\":2,\"count\":1}]");
    _cleanup_(json_decrefp) json_t *second =
        parse("[{\"id\":1,\"count\":1},{\"id\":2,\"count\":2},{\"id\":3,\"count\":1}]");

    (void)state;
    json_t *news = events_new(first, &seen);
    assert_int_equal(json_array_size(news), 2);
    json_decref(news);
    news = events_new(second, &seen);
    _cleanup_(json_decrefp) json_t *expected =
        parse("[{\"id\":2,\"count\":2},{\"id\":3,\"count\":1}]");
    assert_true(json_equal(news, expected));
    json_decref(news);
    news = events_new(second, &seen);
    assert_int_equal(json_array_size(news), 0);
    json_decref(news);
    json_decref(seen);
}

/* ---- what is waited for ---------------------------------------------------------------------- */

static bool is_met(const char *text, const Resource *resource, const char *object)
{
    _cleanup_(json_decrefp) json_t *value = object != NULL ? parse(object) : NULL;
    Condition condition;
    Err err = { 0 };

    if (condition_parse(text, resource, &condition, &err) < 0)
        fail_msg("%s", err.message);
    return condition_met(&condition, value);
}

#define PROJECT(phase, more)                                                                       \
    "{\"kind\":\"Project\",\"metadata\":{\"generation\":2},\"status\":{\"phase\":\"" phase         \
    "\"" more "}}"

static void a_phase_is_met_by_that_phase_of_the_newest_spec(void **state)
{
    (void)state;
    assert_true(is_met("phase=Running", &resource_project, PROJECT("Running", "")));
    assert_true(is_met("phase=running", &resource_project, PROJECT("Running", "")));
    assert_false(is_met("phase=Running", &resource_project, PROJECT("Failed", "")));
    assert_false(is_met("phase=Running", &resource_project, NULL));
    assert_false(is_met("phase=Running", &resource_project,
                        PROJECT("Running", ",\"observedGeneration\":1")));
    assert_true(is_met("phase=Running", &resource_project,
                       PROJECT("Running", ",\"observedGeneration\":2")));
    assert_true(is_met("phase=Pending", &resource_project,
                       PROJECT("Pending", ",\"observedGeneration\":1")));
    assert_true(is_met("state=NotReady", &resource_node, "{\"status\":{\"state\":\"NotReady\"}}"));
}

static void a_condition_is_met_by_its_status(void **state)
{
    static const char node[] =
        "{\"kind\":\"Node\",\"status\":{\"state\":\"NotReady\",\"conditions\":"
        "[{\"type\":\"MemoryPressure\",\"status\":\"True\"},"
        "{\"type\":\"Ready\",\"status\":\"False\"}]}}";

    (void)state;
    assert_false(is_met("condition=Ready", &resource_node, node));
    assert_true(is_met("condition=Ready=false", &resource_node, node));
    assert_true(is_met("condition=memorypressure=true", &resource_node, node));
    assert_false(is_met("condition=DiskPressure=false", &resource_node, node));
    assert_true(is_met("condition=Ready", &resource_project, PROJECT("Running", "")));
    assert_true(is_met("condition=Ready=False", &resource_project, PROJECT("Pending", "")));
}

static void being_there_and_being_gone_are_conditions_too(void **state)
{
    (void)state;
    assert_true(is_met("delete", &resource_project, NULL));
    assert_false(is_met("delete", &resource_project, PROJECT("Terminating", "")));
    assert_true(is_met("create", &resource_project, PROJECT("Pending", "")));
    assert_false(is_met("create", &resource_node, NULL));
}

static void what_can_never_come_true_is_refused_with_what_can(void **state)
{
    static const struct {
        const char *text;
        const Resource *resource;
        const char *words;
    } wrong[] = {
        { "phase=Walking", &resource_project, "Pending, Scheduled, Running, Failed" },
        { "phase=Ready", &resource_node, "a node has a state, such as --for=state=Ready" },
        { "state=Ready", &resource_project, "a project has a phase, such as --for=phase=Running" },
        { "state=Tired", &resource_node, "Ready, NotReady, Draining" },
        { "condition=", &resource_node, "condition=TYPE" },
        { "condition=Ready=", &resource_node, "condition=TYPE=STATUS" },
        { "lunch", &resource_project,
          "one of phase=PHASE, condition=TYPE[=STATUS], create, delete" },
        { "", &resource_node, "one of state=STATE" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        Condition condition;
        Err err = { 0 };
        assert_int_equal(condition_parse(wrong[i].text, wrong[i].resource, &condition, &err), -1);
        if (strstr(err.message, wrong[i].words) == NULL)
            fail_msg("%s: no \"%s\"", err.message, wrong[i].words);
    }
}

static void assert_described(const char *object, const char *expected)
{
    _cleanup_(json_decrefp) json_t *value = object != NULL ? parse(object) : NULL;
    _cleanup_(buf_done) Buf out = { .max = 4096 };

    condition_describe(value, &out);
    assert_plain(&out, expected);
}

static void the_last_state_is_told_with_its_reason(void **state)
{
    (void)state;
    assert_described(NULL, "not there");
    assert_described("{}", "of unknown state");
    assert_described(PROJECT("Pending",
                             ",\"conditions\":[{\"reason\":\"NoNodeAvailable\",\"message\":"
                             "\"1 node: NotReady\"}]"),
                     "Pending (NoNodeAvailable: 1 node: NotReady)");
    assert_described(PROJECT("Running", ",\"observedGeneration\":1"),
                     "Running, its newest spec not yet taken up");
    assert_described("{\"status\":{\"state\":\"NotReady\",\"conditions\":[{\"reason\":\"Lost\"}]}}",
                     "NotReady (Lost)");
}

/* ---- how far an apply is --------------------------------------------------------------------- */

static void assert_progress(const char *status, Progress expected, const char *words)
{
    _cleanup_(buf_done) Buf text = { .max = 4096 };
    _cleanup_(buf_done) Buf out = { .max = 4096 };

    buf_printf(
        &text,
        "{\"spec\":{\"services\":[{\"name\":\"a\",\"restartPolicy\":\"Never\"},{\"name\":\"b\"}]},"
        "\"status\":%s}",
        status);
    _cleanup_(json_decrefp) json_t *project = parse(buf_str(&text));
    assert_int_equal(progress_of(project, 2, true, &out), expected);
    assert_plain(&out, words);
}

static void each_step_of_coming_up_has_its_words(void **state)
{
    (void)state;
    assert_progress("{\"phase\":\"Pending\"}", PROGRESS_ON, "waits for a node");
    assert_progress(
        "{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"Phase\",\"message\":\"3 nodes: "
        "memory, short by 512Mi\"}]}",
        PROGRESS_ON, "waits: 3 nodes: memory, short by 512Mi");
    assert_progress("{\"phase\":\"Scheduled\",\"nodeRef\":\"n1\"}", PROGRESS_ON, "placed on n1");
    assert_progress(
        "{\"phase\":\"Scheduled\",\"nodeRef\":\"n1\",\"services\":[{\"state\":\"pulling\","
        "\"image\":\"a:1\",\"message\":\"43 %\"},{\"state\":\"pulling\",\"image\":\"b:2\"}]}",
        PROGRESS_ON, "pulling a:1 43 %, b:2 on n1");
    assert_progress(
        "{\"phase\":\"Scheduled\",\"nodeRef\":\"n1\",\"services\":[{\"state\":\"running\"},"
        "{\"state\":\"created\"}]}",
        PROGRESS_ON, "starting on n1, 1 of 2 run");
    assert_progress(
        "{\"phase\":\"Scheduled\",\"nodeRef\":\"n1\",\"services\":[{\"state\":\"running\"},"
        "{\"name\":\"db\",\"state\":\"running\",\"health\":\"starting\"}]}",
        PROGRESS_ON, "running on n1, db not yet healthy");
    assert_progress(
        "{\"phase\":\"Scheduled\",\"nodeRef\":\"n1\",\"services\":[{\"state\":\"running\"},"
        "{\"name\":\"db\",\"state\":\"running\",\"health\":\"healthy\"}]}",
        PROGRESS_ON, "healthy on n1");
    assert_progress(
        "{\"phase\":\"Running\",\"nodeRef\":\"n1\",\"observedGeneration\":1,\"services\":["
        "{\"state\":\"running\"},{\"state\":\"running\"}]}",
        PROGRESS_ON, "updating on n1");
    assert_progress("{\"phase\":\"Running\",\"nodeRef\":\"n1\",\"observedGeneration\":2}",
                    PROGRESS_DONE, "Running on n1");
    assert_progress(
        "{\"phase\":\"Running\",\"nodeRef\":\"n1\",\"observedGeneration\":2,\"conditions\":[{"
        "\"type\":\"Phase\",\"reason\":\"Completed\"}]}",
        PROGRESS_DONE, "completed on n1");
}

static void what_waiting_does_not_mend_has_failed(void **state)
{
#define FAILED(reason, more)                                                                       \
    "{\"phase\":\"Failed\",\"nodeRef\":\"n1\",\"observedGeneration\":2,\"conditions\":[{\"type\":" \
    "\"Phase\",\"reason\":\"" reason "\",\"message\":\"so\"}]" more "}"
    (void)state;
    assert_progress(FAILED("ImagePullError", ""), PROGRESS_FAILED, "ImagePullError: so on n1");
    assert_progress(FAILED("ContainerExited", ""), PROGRESS_FAILED, "ContainerExited: so on n1");
    assert_progress(FAILED("ContainerCrashed", ",\"services\":[{\"restarts\":1},{\"restarts\":2}]"),
                    PROGRESS_ON, "ContainerCrashed: so on n1");
    assert_progress(FAILED("ContainerCrashed", ",\"services\":[{\"restarts\":3},{\"restarts\":2}]"),
                    PROGRESS_FAILED, "ContainerCrashed: so on n1");
#define EXITED(name, code)                                                                         \
    ",\"services\":[{\"name\":\"" name "\",\"state\":\"exited\",\"exitCode\":" code "}]"
    assert_progress(FAILED("ContainerCrashed", EXITED("a", "3")), PROGRESS_FAILED,
                    "ContainerCrashed: so on n1");
    assert_progress(FAILED("ContainerCrashed", EXITED("a", "0")), PROGRESS_ON,
                    "ContainerCrashed: so on n1");
    assert_progress(FAILED("ContainerCrashed", EXITED("b", "3")), PROGRESS_ON,
                    "ContainerCrashed: so on n1");
    assert_progress(FAILED("ReconcileError", ""), PROGRESS_ON, "ReconcileError: so on n1");
    assert_progress("{\"phase\":\"Failed\",\"nodeRef\":\"n1\",\"observedGeneration\":1}",
                    PROGRESS_ON, "placed on n1");
    assert_progress(
        "{\"phase\":\"Running\",\"nodeRef\":\"n1\",\"observedGeneration\":2,\"conditions\":[{"
        "\"type\":\"Phase\",\"reason\":\"UpdateFailed\",\"message\":\"no\"}]}",
        PROGRESS_FAILED, "UpdateFailed: no");
    assert_progress("{\"phase\":\"Terminating\"}", PROGRESS_FAILED, "is being deleted");
}

static void durations_are_short(void **state)
{
    _cleanup_(buf_done) Buf out = { .max = 64 };

    (void)state;
    progress_add_duration(1249, &out);
    buf_add_str(&out, " ");
    progress_add_duration(59999, &out);
    buf_add_str(&out, " ");
    progress_add_duration(125000, &out);
    assert_string_equal(buf_str(&out), "1.2s 59.9s 2m5s");
}

/* ---- what is printed and asked --------------------------------------------------------------- */

static void columns_stay_as_wide_as_they_were(void **state)
{
    PrintWidths widths = { { 0 } };
    _cleanup_(buf_done) Buf out = { .max = 4096 };

    (void)state;
    print_table_more("NAME\tPHASE\tNODE\nsome-name\tRunning\tn1\n", &widths, &out);
    print_table_more("a\tFailed\tn1\n", &widths, &out);
    print_table_more("longer-than-before\tFailed\tn1\n", &widths, &out);
    print_table_more("a\tFailed\tn1\n", &widths, &out);
    assert_string_equal(buf_str(&out), "NAME        PHASE     NODE\n"
                                       "some-name   Running   n1\n"
                                       "a           Failed    n1\n"
                                       "longer-than-before   Failed    n1\n"
                                       "a                    Failed    n1\n");
}

static void lines_are_cut_between_characters_and_end_their_colour(void **state)
{
    _cleanup_(buf_done) Buf out = { .max = 4096 };

    (void)state;
    live_add_cut(STYLE_GOOD "h\xc3\xa9llo" STYLE_END, 2, &out);
    live_add_cut("ok", 2, &out);
    assert_string_equal(buf_str(&out), STYLE_GOOD "h\xc3\xa9" STYLE_END "ok");
}

static void flags_become_the_query(void **state)
{
    const char *argv[] = { "caractrl", "get",    "projects", "-l",      "tier in (a, b)", "--phase",
                           "Failed",   "--node", "n/1",      "--phase", "Running" };
    _cleanup_(command_line_done) CommandLine line = { 0 };
    const char *names[] = { "web", "db" };
    Err err = { 0 };

    (void)state;
    assert_int_equal(
        command_line_parse((int)ARRAY_LEN(argv), (char **)(uintptr_t)argv, &line, &err), 0);
    _cleanup_(mem_freep) char *path = listing_path(&resource_project, &line, NULL, 0);
    assert_string_equal(path,
                        "/api/v1/projects?labelSelector=tier%20in%20%28a%2C%20b%29&phase=Failed"
                        "&nodeRef=n%2F1&phase=Running");
    _cleanup_(mem_freep) char *one = listing_path(&resource_node, NULL, names, 1);
    assert_string_equal(one, "/api/v1/nodes?name=web");
    _cleanup_(mem_freep) char *two = listing_path(&resource_node, NULL, names, 2);
    assert_string_equal(two, "/api/v1/nodes?name=web&name=db");
    const char *many[33] = { NULL };
    _cleanup_(mem_freep) char *all = listing_path(&resource_node, NULL, many, ARRAY_LEN(many));
    assert_string_equal(all, "/api/v1/nodes");
}

static void chunks_are_numbers_within_bounds(void **state)
{
    static const struct {
        const char *given;
        int expected; /* -1 for refused */
    } cases[] = { { "0", 0 },   { "1", 1 },  { "1000", 1000 }, { "1001", -1 },
                  { "-1", -1 }, { "x", -1 }, { "", -1 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *argv[] = { "caractrl", "get", "nodes", "--chunk-size", cases[i].given };
        _cleanup_(command_line_done) CommandLine line = { 0 };
        int chunk = -1;
        assert_int_equal(
            command_line_parse((int)ARRAY_LEN(argv), (char **)(uintptr_t)argv, &line, NULL), 0);
        assert_int_equal(listing_chunk(&line, &chunk, NULL), cases[i].expected < 0 ? -1 : 0);
        assert_int_equal(chunk, cases[i].expected);
    }
}

static void a_selector_stands_in_for_names_but_not_beside_them(void **state)
{
    static const struct {
        const char *words[6];
        int count;
        int expected;
    } cases[] = {
        { { "caractrl", "delete", "project", "-l", "a=b" }, 5, 0 },
        { { "caractrl", "delete", "project", "--all" }, 4, 0 },
        { { "caractrl", "delete", "project" }, 3, -1 },
        { { "caractrl", "delete", "project", "web", "-l", "a" }, 6, -1 },
        { { "caractrl", "describe", "node", "--all" }, 4, 0 },
        { { "caractrl", "drain", "-l", "zone=a" }, 4, 0 },
        { { "caractrl", "drain", "n1", "n2" }, 4, -1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(command_line_done) CommandLine line = { 0 };
        Err err = { 0 };
        assert_int_equal(
            command_line_parse(cases[i].count, (char **)(uintptr_t)cases[i].words, &line, &err),
            cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read_wherever_they_are_cut),
        cmocka_unit_test(a_sink_that_has_enough_is_left_alone),
        cmocka_unit_test(what_is_no_line_of_a_watch_is_an_error),
        cmocka_unit_test(a_line_without_an_end_is_not_kept_for_ever),
        cmocka_unit_test(what_is_left_at_the_end_counts_when_it_is_whole),
        cmocka_unit_test(only_what_is_newer_is_news),
        cmocka_unit_test(versions_that_are_no_numbers_can_only_be_the_same_or_not),
        cmocka_unit_test(what_a_list_no_longer_has_is_missing),
        cmocka_unit_test(an_event_is_news_once_and_again_when_it_happened_again),
        cmocka_unit_test(a_phase_is_met_by_that_phase_of_the_newest_spec),
        cmocka_unit_test(a_condition_is_met_by_its_status),
        cmocka_unit_test(being_there_and_being_gone_are_conditions_too),
        cmocka_unit_test(what_can_never_come_true_is_refused_with_what_can),
        cmocka_unit_test(the_last_state_is_told_with_its_reason),
        cmocka_unit_test(each_step_of_coming_up_has_its_words),
        cmocka_unit_test(what_waiting_does_not_mend_has_failed),
        cmocka_unit_test(durations_are_short),
        cmocka_unit_test(columns_stay_as_wide_as_they_were),
        cmocka_unit_test(lines_are_cut_between_characters_and_end_their_colour),
        cmocka_unit_test(flags_become_the_query),
        cmocka_unit_test(chunks_are_numbers_within_bounds),
        cmocka_unit_test(a_selector_stands_in_for_names_but_not_beside_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
