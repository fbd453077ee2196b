/* How the agent is woken, and how it paces itself: events read from a stream cut anywhere, beats
 * and reports spread out. */
#include "backoff.h"
#include "cara/mem.h"
#include "channel.h"
#include "outbox.h"
#include "sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void only_whole_wake_events_wake(void **state)
{
    static const struct {
        const char *text;
        size_t wakes;
        int64_t retry_ms;
    } cases[] = {
        { "event: wake\ndata: {}\n\n", 1, 0 },
        { "event:wake\ndata:\n\n", 1, 0 },
        { "event: wake\r\ndata: {}\r\n\r\n", 1, 0 },
        { "event: wake\rdata: {}\r\r", 1, 0 },
        { ": still here\n\n", 0, 0 },
        { ":\n\nevent: wake\ndata: {}\n\n:\n\n", 1, 0 },
        { "retry: 20000\n\nevent: wake\ndata: {}\n\nevent: wake\ndata: {}\n\n", 2, 20000 },
        { "retry: 99999999999999999999\n", 0, 300000 },
        { "retry: soon\nretry: -5\nretry: 5s\nretry\n", 0, 0 },
        { "event: wake\n\n", 0, 0 },                         /* no data: no event */
        { "data: {}\n\n", 0, 0 },                            /* some other event */
        { "event: wake\nevent: other\ndata: {}\n\n", 0, 0 }, /* the last name counts */
        { "event: wakeup\ndata: {}\n\n", 0, 0 },
        { "events: wake\ndata: {}\n\n", 0, 0 },
        { "event: wake\ndata: {}\n", 0, 0 }, /* not over yet */
        { "id: 7\nevent: wake\ndata: a\ndata: b\n\n", 1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text);
        for (size_t cut = 0; cut <= len; cut++) {
            Sse sse = { 0 };
            size_t wakes = sse_read(&sse, cases[i].text, cut);
            wakes += sse_read(&sse, cases[i].text + cut, len - cut);
            assert_int_equal(wakes, cases[i].wakes);
            assert_int_equal(sse.retry_ms, cases[i].retry_ms);
        }
    }
}

static void a_line_without_an_end_takes_no_memory(void **state)
{
    static const char wake[] = "\nevent: wake\ndata: {}\n\n";
    char junk[3 * SSE_LINE_MAX];
    Sse sse = { 0 };

    (void)state;
    memset(junk, 'x', sizeof(junk));
    for (int i = 0; i < 100; i++)
        assert_int_equal(sse_read(&sse, junk, sizeof(junk)), 0);
    assert_int_equal(sse_read(&sse, wake, strlen(wake)), 1);
}

static void kinds_have_their_words(void **state)
{
    ChannelKind kind = CHANNEL_STREAM;

    (void)state;
    for (int i = 0; i < CHANNEL_KIND_COUNT; i++) {
        assert_int_equal(channel_kind_parse(channel_kind_word((ChannelKind)i), &kind), 0);
        assert_int_equal(kind, i);
    }
    assert_int_equal(channel_kind_parse("pigeon", &kind), -1);
    assert_int_equal(channel_kind_parse("", &kind), -1);
}

static void beats_that_began_together_are_spread(void **state)
{
    int in_tenth[10] = { 0 };

    (void)state;
    for (int i = 0; i < 2000; i++) {
        int64_t first = beat_delay_ms(10000, true);
        int64_t next = beat_delay_ms(10000, false);
        assert_true(first >= 0 && first < 10000);
        assert_true(next >= 9000 && next <= 10000);
        in_tenth[first / 1000]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(in_tenth[i], 100, 300);
    assert_int_equal(beat_delay_ms(0, true), 0);
}

static void count_wake(void *arg)
{
    ++*(int *)arg;
}

static void put(Outbox *outbox, const char *project, const char *phase, const char *text)
{
    Report report = { .project = mem_strdup(project), .phase = phase, .text = mem_strdup(text) };

    outbox_put(outbox, &report);
}

static void one_batch_has_the_latest_of_each(void **state)
{
    int wakes = 0;
    Outbox *outbox = outbox_new(count_wake, &wakes);
    OutboxBatch batch = { 0 };

    (void)state;
    put(outbox, "a", NULL, "pulling 1%");
    put(outbox, "a", NULL, "pulling 2%");
    put(outbox, "a", NULL, "pulling 2%");
    put(outbox, "b", NULL, "pulling 9%");
    assert_int_equal(wakes, 3);
    assert_false(outbox_is_urgent(outbox));
    put(outbox, "b", "Running", "runs");
    assert_true(outbox_is_urgent(outbox));
    assert_true(outbox_take(outbox, 200, &batch));
    assert_int_equal(batch.count, 2);
    assert_string_equal(batch.texts[0], "pulling 2%");
    assert_string_equal(batch.texts[1], "runs");
    for (size_t i = 0; i < batch.count; i++)
        outbox_delivered(outbox, batch.projects[i], batch.texts[i], false);
    outbox_batch_done(&batch);
    assert_false(outbox_is_urgent(outbox));
    assert_false(outbox_take(outbox, 200, &batch));
    outbox_free(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_whole_wake_events_wake),
        cmocka_unit_test(a_line_without_an_end_takes_no_memory),
        cmocka_unit_test(kinds_have_their_words),
        cmocka_unit_test(beats_that_began_together_are_spread),
        cmocka_unit_test(one_batch_has_the_latest_of_each),
    };

    return cmocka_run_group_tests_name("agent_channel", tests, NULL, NULL);
}
