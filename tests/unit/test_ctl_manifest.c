/* Manifests on their way to the server. */
#include "cara/mem.h"
#include "manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_items(const char *text, const char *expected)
{
    _cleanup_(json_decrefp) json_t *items = json_array();
    Err err = { 0 };

    if (manifest_parse(text, strlen(text), "web.yaml", "apply", items, &err) < 0)
        fail_msg("%s", err.message);
    _cleanup_(mem_freep) char *got = json_dumps(items, JSON_COMPACT);
    assert_string_equal(got, expected);
}

static void assert_refused(const char *text, const char *expected)
{
    _cleanup_(json_decrefp) json_t *items = json_array();
    Err err = { 0 };

    if (manifest_parse(text, strlen(text), "web.yaml", "apply", items, &err) == 0)
        fail_msg("accepted: %s", text);
    assert_string_equal(err.message, expected);
}

static void objects_and_lists_are_gathered_in_order(void **state)
{
    (void)state;
    assert_items("kind: Node\n---\nkind: Project\nspec: {expireAt: 2030-01-01}\n",
                 "[{\"kind\":\"Node\"},"
                 "{\"kind\":\"Project\",\"spec\":{\"expireAt\":\"2030-01-01T00:00:00Z\"}}]");
    assert_items("kind: List\nitems:\n- {kind: Project, a: 1}\n- {kind: Node}\n",
                 "[{\"kind\":\"Project\",\"a\":1},{\"kind\":\"Node\"}]");
    assert_items("{\"kind\":\"ProjectList\",\"items\":[{\"kind\":\"Project\"}]}",
                 "[{\"kind\":\"Project\"}]");
    assert_items("kind: Project\nextra: kept\n", "[{\"kind\":\"Project\",\"extra\":\"kept\"}]");
    assert_items("# nothing\n", "[]");
}

static void what_is_no_manifest_is_refused(void **state)
{
    (void)state;
    assert_refused("kind: Foo\n", "apply: unsupported kind \"Foo\"");
    assert_refused("metadata: {}\n", "apply: unsupported kind \"\"");
    assert_refused("kind: node\n", "apply: unsupported kind \"node\"");
    assert_refused("kind: 3\n", "apply: unsupported kind \"\"");
    assert_refused("kind: Node\n---\nkind: Pod\n",
                   "apply: unsupported kind \"Pod\" in web.yaml, document 2");
    assert_refused("kind: List\nitems: [{kind: Node}, {kind: Pod}]\n",
                   "apply: unsupported kind \"Pod\" in web.yaml, items[1]");
    assert_refused("kind: List\n", "parse manifest: web.yaml: List needs a list of items");
    assert_refused("just text\n", "parse manifest: web.yaml: document 1 is not a map: a manifest "
                                  "starts with apiVersion, kind and metadata");
    assert_refused("kind: Node\nkind: Node\n",
                   "parse manifest: yaml decode: web.yaml: line 2, column 1: key \"kind\" is there "
                   "twice");
    assert_refused("kind:\n\tNode: x\n",
                   "parse manifest: yaml decode: web.yaml: line 2, column 1: a "
                   "tab cannot indent YAML: use spaces");
}

/* ---- files ----------------------------------------------------------------------------------- */

static char dir[] = "/tmp/ctl-manifest-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
    static const char *const names[] = { "b.yml",     "a.yaml",  "c.json",
                                         "notes.txt", ".d.yaml", "sub.yaml" };
    char path[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        remove(path);
    }
    return rmdir(dir);
}

static void write_file(const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int read_sources(const char *const *sources, size_t count, json_t **ret, Err *err)
{
    static const Flag filename = { .name = "filename", .shorthand = 'f', .value = "string" };
    CommandLine line = { .command = command_find("apply"), .flag_count = count };

    for (size_t i = 0; i < count; i++) {
        line.flags[i].flag = &filename;
        line.flags[i].value = sources[i];
    }
    return manifest_read_flags(&line, "apply", ret, err);
}

static void directories_are_read_sorted_and_must_hold_something(void **state)
{
    (void)state;
    const char *const sources[] = { dir };
    json_t *items = NULL;
    Err err = { 0 };
    char expected[256];

    assert_int_equal(read_sources(sources, 1, &items, &err), -1);
    snprintf(expected, sizeof(expected),
             "read manifest: %s: no *.yaml, *.yml or *.json in this directory", dir);
    assert_string_equal(err.message, expected);

    write_file("b.yml", "{kind: Node, n: b}\n");
    write_file("a.yaml", "{kind: Node, n: a}\n");
    write_file("c.json", "{\"kind\": \"Node\", \"n\": \"c\"}");
    write_file("notes.txt", "not a manifest: [");
    write_file(".d.yaml", "hidden: [");
    assert_int_equal(read_sources(sources, 1, &items, &err), 0);
    _cleanup_(mem_freep) char *got = json_dumps(items, JSON_COMPACT);
    assert_string_equal(got, "[{\"kind\":\"Node\",\"n\":\"a\"},{\"kind\":\"Node\",\"n\":\"b\"},"
                             "{\"kind\":\"Node\",\"n\":\"c\"}]");
    json_decref(items);
}

static void several_sources_are_read_in_the_order_given(void **state)
{
    (void)state;
    char first[128], second[128];
    const char *const sources[] = { first, second };
    json_t *items = NULL;
    Err err = { 0 };

    write_file("b.yml", "{kind: Node, n: b}\n");
    write_file("a.yaml", "{kind: Node, n: a}\n");
    snprintf(first, sizeof(first), "%s/b.yml", dir);
    snprintf(second, sizeof(second), "%s/a.yaml", dir);
    assert_int_equal(read_sources(sources, 2, &items, &err), 0);
    _cleanup_(mem_freep) char *got = json_dumps(items, JSON_COMPACT);
    assert_string_equal(got, "[{\"kind\":\"Node\",\"n\":\"b\"},{\"kind\":\"Node\",\"n\":\"a\"}]");
    json_decref(items);
}

static void missing_and_empty_files_are_told(void **state)
{
    (void)state;
    const char *const nowhere[] = { "/nowhere/web.yaml" };
    const char *const nothing[] = { "/dev/null" };
    json_t *items = NULL;
    Err err = { 0 };

    assert_int_equal(read_sources(nowhere, 1, &items, &err), -1);
    assert_string_equal(err.message,
                        "read manifest: open /nowhere/web.yaml: no such file or directory");
    assert_int_equal(read_sources(nothing, 1, &items, &err), -1);
    assert_string_equal(err.message, "apply: unsupported kind \"\": /dev/null holds no manifest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_and_lists_are_gathered_in_order),
        cmocka_unit_test(what_is_no_manifest_is_refused),
        cmocka_unit_test(directories_are_read_sorted_and_must_hold_something),
        cmocka_unit_test(several_sources_are_read_in_the_order_given),
        cmocka_unit_test(missing_and_empty_files_are_told),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
