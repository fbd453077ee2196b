/* Feeds: blocks of lines that many share, who gets which of them, and who is too far behind. */
#include "etag.h"
#include "feed.h"
#include "watch_query.h"

#include "cara/mem.h"
#include "cara/time.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_BEHIND 200

typedef struct Reader {
    FeedMember member;
    size_t more;
    char broken[8];
    char got[4096];
} Reader;

static size_t dirty;

static void on_dirty(void *arg)
{
    (void)arg;
    dirty++;
}

static void on_more(FeedMember *member)
{
    H2O_STRUCT_FROM_MEMBER(Reader, member, member)->more++;
}

static void on_broken(FeedMember *member, const char *sqlstate, const char *why)
{
    Reader *reader = H2O_STRUCT_FROM_MEMBER(Reader, member, member);

    assert_non_null(why);
    snprintf(reader->broken, sizeof(reader->broken), "%s", sqlstate);
}

static Reader reader_new(void)
{
    return (Reader){ .member = { .more = on_more, .broken = on_broken } };
}

/* What api.watch_read gives: lines named by their ids, then the position. */
static PGresult *rows(const int64_t *ids, int count, int64_t position)
{
    static PGresAttDesc columns[] = { { .name = (char *)"id" }, { .name = (char *)"line" } };
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    char text[32];

    PQsetResultAttrs(result, 2, columns);
    for (int i = 0; i <= count; i++) {
        int n = snprintf(text, sizeof(text), "%" PRId64, i < count ? ids[i] : position);
        PQsetvalue(result, i, 0, text, n);
        PQsetvalue(result, i, 1, i < count ? text : NULL, i < count ? n : -1);
    }
    return result;
}

static void append(Feeds *feeds, const int64_t *ids, int count, int64_t position)
{
    int64_t at;
    PGresult *result = rows(ids, count, position);
    Feed *feed = feeds_behind(feeds, INT64_MAX, INT64_MAX, &at);

    assert_non_null(feed);
    assert_true(feed_append(feed, result, 0));
    PQclear(result);
}

static const char *read_all(Reader *reader, bool bookmarks)
{
    const char *data;
    size_t len;
    Block *hold;
    size_t used = 0;

    while (feeds_take(&reader->member, bookmarks, &data, &len, &hold)) {
        assert_true(used + len < sizeof(reader->got));
        memcpy(reader->got + used, data, len);
        used += len;
        block_unref(hold);
    }
    reader->got[used] = '\0';
    return reader->got;
}

static void test_members_get_what_is_after_their_position(void **state)
{
    (void)state;
    Feeds *feeds = feeds_new(MAX_BEHIND, on_dirty, NULL);
    Reader early = reader_new();
    Reader late = reader_new();
    Reader ahead = reader_new();

    assert_int_equal(feeds_join(feeds, &early.member, "Node", "{}", 10, false), 0);
    assert_int_equal(feeds_join(feeds, &early.member, "Node", "{}", 10, true), 1);
    append(feeds, (int64_t[]){ 12, 14 }, 2, 15);
    append(feeds, (int64_t[]){ 17 }, 1, 17);
    assert_int_equal(feeds_join(feeds, &late.member, "Node", "{}", 12, false), 1);
    assert_int_equal(feeds_join(feeds, &ahead.member, "Node", "{}", 18, false), 0);
    assert_int_equal(feeds_join(feeds, &ahead.member, "Node", "{}", 18, true), 1);
    append(feeds, (int64_t[]){ 18, 19 }, 2, 20);
    assert_string_equal(read_all(&early, false), "12\n14\n17\n18\n19\n");
    assert_string_equal(read_all(&late, false), "14\n17\n18\n19\n");
    assert_string_equal(read_all(&ahead, false), "19\n");
    assert_true(early.more >= 3 && dirty > 0);
    feeds_leave(&early.member);
    feeds_leave(&late.member);
    assert_int_equal(feeds_count(feeds), 1);
    feeds_leave(&ahead.member);
    feeds_leave(&ahead.member);
    assert_int_equal(feeds_count(feeds), 0);
    feeds_free(feeds);
}

static void test_who_comes_from_before_the_chain_reads_on(void **state)
{
    (void)state;
    Feeds *feeds = feeds_new(MAX_BEHIND, on_dirty, NULL);
    Reader first = reader_new();
    Reader second = reader_new();

    assert_int_equal(feeds_join(feeds, &first.member, "Node", "{}", 10, true), 1);
    append(feeds, (int64_t[]){ 11 }, 1, 11);
    assert_int_equal(feeds_join(feeds, &second.member, "Node", "{}", 9, true), 0);
    assert_int_equal(feeds_join(feeds, &second.member, "Project", "{}", 9, true), 1);
    assert_int_equal(feeds_count(feeds), 2);
    feeds_leave(&first.member);
    feeds_leave(&second.member);
    feeds_free(feeds);
}

static void test_bookmarks_go_to_those_who_want_them(void **state)
{
    (void)state;
    Feeds *feeds = feeds_new(MAX_BEHIND, on_dirty, NULL);
    Reader plain = reader_new();
    Reader wants = reader_new();

    feeds_join(feeds, &plain.member, "Node", "{}", 7, true);
    feeds_join(feeds, &wants.member, "Node", "{}", 7, true);
    feeds_bookmark(feeds);
    assert_string_equal(read_all(&plain, false), "");
    assert_string_equal(read_all(&wants, true),
                        "{\"type\":\"BOOKMARK\",\"object\":{\"apiVersion\":\"caravanserai/v1\","
                        "\"kind\":\"Node\",\"metadata\":{\"resourceVersion\":\"7\"}}}\n");
    feeds_leave(&plain.member);
    feeds_leave(&wants.member);
    feeds_free(feeds);
}

static void test_who_is_too_far_behind_is_broken_and_others_are_not(void **state)
{
    (void)state;
    Feeds *feeds = feeds_new(MAX_BEHIND, on_dirty, NULL);
    Reader slow = reader_new();
    Reader quick = reader_new();

    feeds_join(feeds, &slow.member, "Node", "{}", 0, true);
    feeds_join(feeds, &quick.member, "Node", "{}", 0, true);
    for (int64_t id = 1; id < 100; id++) {
        append(feeds, &id, 1, id);
        assert_true(strlen(read_all(&quick, false)) > 0);
    }
    assert_string_equal(slow.broken, "SR410");
    assert_null(slow.member.feed);
    assert_string_equal(quick.broken, "");
    feeds_leave(&quick.member);
    feeds_free(feeds);
}

static void test_who_has_everything_gets_what_comes_whatever_its_size(void **state)
{
    (void)state;
    Feeds *feeds = feeds_new(MAX_BEHIND, on_dirty, NULL);
    Reader reader = reader_new();
    int64_t ids[MAX_BEHIND];

    for (int i = 0; i < MAX_BEHIND; i++)
        ids[i] = i + 1;
    feeds_join(feeds, &reader.member, "Node", "{}", 0, true);
    append(feeds, ids, MAX_BEHIND, MAX_BEHIND);
    assert_string_equal(reader.broken, "");
    assert_true(strlen(read_all(&reader, false)) > MAX_BEHIND);
    feeds_leave(&reader.member);
    feeds_free(feeds);
}

static void test_how_many_rows_are_asked_for_follows_their_size(void **state)
{
    static char large[2 * 1024 * 1024];
    static PGresAttDesc columns[] = { { .name = (char *)"id" }, { .name = (char *)"line" } };

    (void)state;
    PGresult *heavy = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    memset(large, 'x', sizeof(large));
    PQsetResultAttrs(heavy, 2, columns);
    PQsetvalue(heavy, 0, 1, large, sizeof(large));
    PQsetvalue(heavy, 1, 1, NULL, -1);
    assert_int_equal(feed_next_limit(heavy, 1, 100), 1);
    PGresult *light = rows((int64_t[]){ 1 }, 1, 1);
    assert_int_equal(feed_next_limit(light, 1, 1), 4);
    assert_int_equal(feed_next_limit(light, 1, 1000), 1000);
    PGresult *none = rows(NULL, 0, 1);
    assert_int_equal(feed_next_limit(none, 1, 1), 4);
    assert_int_equal(feed_next_limit(none, 1, 50), 100);
    assert_int_equal(feed_next_limit(none, 1, 500), 500);
    PQclear(heavy);
    PQclear(light);
    PQclear(none);
}

static void test_a_feed_that_cannot_be_read_breaks_its_members(void **state)
{
    (void)state;
    Feeds *feeds = feeds_new(MAX_BEHIND, on_dirty, NULL);
    Reader reader = reader_new();
    int64_t at;

    feeds_join(feeds, &reader.member, "Node", "{}", 1, true);
    feed_break(feeds_behind(feeds, INT64_MAX, INT64_MAX, &at), "SR410", "trimmed");
    assert_string_equal(reader.broken, "SR410");
    assert_int_equal(feeds_count(feeds), 0);
    feeds_free(feeds);
}

static void test_a_feed_stays_while_it_is_read(void **state)
{
    (void)state;
    Feeds *feeds = feeds_new(MAX_BEHIND, on_dirty, NULL);
    Reader reader = reader_new();
    int64_t at;

    feeds_join(feeds, &reader.member, "Node", "{}", 1, true);
    Feed *feed = feeds_behind(feeds, INT64_MAX, INT64_MAX, &at);
    feed_hold(feed);
    feeds_leave(&reader.member);
    assert_int_equal(feeds_count(feeds), 1);
    assert_false(feed_release(feed));
    assert_int_equal(feeds_count(feeds), 0);
    feeds_free(feeds);
}

static void test_a_feed_is_read_again_after_a_while_and_when_it_could_not_be_later(void **state)
{
    (void)state;
    Feeds *feeds = feeds_new(MAX_BEHIND, on_dirty, NULL);
    Reader node = reader_new();
    Reader project = reader_new();
    PGresult *result = rows((int64_t[]){ 2 }, 1, 2);
    int64_t now = time_monotonic_ms();
    int64_t at;

    assert_true(feeds_readable_at(feeds) == INT64_MAX);
    feeds_join(feeds, &node.member, "Node", "{}", 1, true);
    assert_true(feeds_readable_at(feeds) <= now);
    Feed *feed = feeds_behind(feeds, 2, now, &at);
    assert_true(feed_append(feed, result, now));
    assert_true(feeds_readable_at(feeds) > now);
    assert_null(feeds_behind(feeds, 3, now, &at));
    assert_true(at == feeds_readable_at(feeds));
    feed_pause(feed, now + 1000);
    assert_true(feeds_readable_at(feeds) == now + 1000);
    feeds_join(feeds, &project.member, "Project", "{}", 1, true);
    assert_true(feeds_readable_at(feeds) <= now); /* one that waits holds up no other */
    PQclear(result);
    feeds_leave(&node.member);
    feeds_leave(&project.member);
    feeds_free(feeds);
}

static void test_rows_that_are_no_answer_move_nothing(void **state)
{
    (void)state;
    Feeds *feeds = feeds_new(MAX_BEHIND, on_dirty, NULL);
    Reader reader = reader_new();
    PGresult *result = rows(NULL, 0, 4);
    int64_t at;

    feeds_join(feeds, &reader.member, "Node", "{}", 5, true);
    assert_false(feed_append(feeds_behind(feeds, INT64_MAX, INT64_MAX, &at), result, 0));
    assert_int_equal(reader.more, 0);
    PQclear(result);
    feeds_leave(&reader.member);
    feeds_free(feeds);
}

static void test_the_query_of_a_watch(void **state)
{
    static const struct {
        const char *query;
        WatchQuery wanted;
        const char *filter; /* NULL: refused */
    } cases[] = {
        { "watch=true", { .watch = true, .position = -1 }, "{}" },
        { "watch=0&phase=A", { .position = -1 }, "{\"phase\":[\"A\"]}" },
        { "watch=1&phase=B&nodeRef=n&phase=A&resourceVersion=12&timeoutSeconds=5",
          { .watch = true, .position = 12, .timeout_s = 5 },
          "{\"nodeRef\":[\"n\"],\"phase\":[\"B\",\"A\"]}" },
        { "watch=true&allowWatchBookmarks=true&resourceVersion=",
          { .watch = true, .bookmarks = true, .position = -1 },
          "{}" },
        { "watch=true&resourceVersion=0", { .watch = true, .position = -1 }, "{}" },
        { "watch=yes", { 0 }, NULL },
        { "watch=true&resourceVersion=-1", { 0 }, NULL },
        { "watch=true&resourceVersion=99999999999999999999", { 0 }, NULL },
        { "watch=true&timeoutSeconds=1.5", { 0 }, NULL },
        { "watch=true&limit=1", { 0 }, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(buf_done) Buf filter = { 0 };
        WatchQuery got;
        Err err = { 0 };
        buf_init(&filter, 1024);
        int result = watch_query_parse(cases[i].query, strlen(cases[i].query), &got, &filter, &err);
        assert_int_equal(result, cases[i].filter != NULL ? 0 : -1);
        if (result < 0)
            continue;
        assert_string_equal(buf_str(&filter), cases[i].filter);
        assert_int_equal(got.watch, cases[i].wanted.watch);
        assert_int_equal(got.bookmarks, cases[i].wanted.bookmarks);
        assert_int_equal(got.position, cases[i].wanted.position);
        assert_int_equal(got.timeout_s, cases[i].wanted.timeout_s);
    }
}

static void test_the_version_of_an_object_is_not_a_labels(void **state)
{
    static const char body[] =
        "{\"metadata\":{\"name\":\"x\",\"labels\":{\"generation\":\"1\",\"resourceVersion\":\"7\"},"
        "\"uid\":\"u\",\"generation\":3,\"resourceVersion\":\"42\"},\"spec\":{}}";
    const char *etag;
    size_t len;

    (void)state;
    assert_true(etag_of_object(body, sizeof(body) - 1, &etag, &len));
    assert_int_equal(len, 2);
    assert_memory_equal(etag, "42", 2);
    assert_false(etag_of_object("{}", 2, &etag, &len));
    assert_false(etag_of_object(body, (size_t)(strstr(body, "42") - body), &etag, &len));
}

static void test_if_none_match(void **state)
{
    static const struct {
        const char *header;
        bool wanted;
    } cases[] = {
        { "\"a\"", true }, { "W/\"a\"", true }, { "\"b\", \"a\"", true }, { "\"b\",W/\"a\"", true },
        { "*", true },     { "\"b\"", false },  { "a", false },           { "\"a", false },
        { "", false },     { "\"aa\"", false }, { "\"b\" \"a\"", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(etag_is_in(cases[i].header, strlen(cases[i].header), "a", 1),
                         cases[i].wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_get_what_is_after_their_position),
        cmocka_unit_test(test_who_comes_from_before_the_chain_reads_on),
        cmocka_unit_test(test_bookmarks_go_to_those_who_want_them),
        cmocka_unit_test(test_who_is_too_far_behind_is_broken_and_others_are_not),
        cmocka_unit_test(test_who_has_everything_gets_what_comes_whatever_its_size),
        cmocka_unit_test(test_how_many_rows_are_asked_for_follows_their_size),
        cmocka_unit_test(test_a_feed_that_cannot_be_read_breaks_its_members),
        cmocka_unit_test(test_a_feed_stays_while_it_is_read),
        cmocka_unit_test(test_a_feed_is_read_again_after_a_while_and_when_it_could_not_be_later),
        cmocka_unit_test(test_rows_that_are_no_answer_move_nothing),
        cmocka_unit_test(test_the_query_of_a_watch),
        cmocka_unit_test(test_the_version_of_an_object_is_not_a_labels),
        cmocka_unit_test(test_if_none_match),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
