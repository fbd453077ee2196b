/* Logs on their way: the agent's frames and tails, its parameters and routes, and caractrl's lines.
 */
#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/text.h"
#include "httpd_call.h"
#include "log_frames.h"
#include "log_printer.h"
#include "log_tail.h"
#include "logs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char framed[] = "\1\0\0\0\0\0\0\4out\n"
                             "\2\0\0\0\0\0\0\4err\n"
                             "\1\0\0\0\0\0\0\0"
                             "\1\0\0\0\0\0\0\1x";

static void frames_may_be_cut_anywhere(void **state)
{
    (void)state;
    for (size_t step = 1; step < sizeof(framed); step++) {
        LogFrames frames = { 0 };
        char out[sizeof(framed)];
        size_t len = 0;
        for (size_t i = 0; i < sizeof(framed) - 1; i += step) {
            size_t n = sizeof(framed) - 1 - i < step ? sizeof(framed) - 1 - i : step;
            len += log_frames_strip(&frames, framed + i, n, out + len);
        }
        assert_int_equal(len, 9);
        assert_memory_equal(out, "out\nerr\nx", 9);
    }
}

static void an_error_of_the_engine_is_no_output(void **state)
{
    LogFrames frames = { 0 };
    char out[64];

    (void)state;
    size_t len = log_frames_strip(&frames, "\1\0\0\0\0\0\0\1a\3\0\0\0\0\0\0\4oops", 21, out);
    assert_int_equal(len, 1);
    assert_true(frames.ended);
    assert_int_equal(log_frames_strip(&frames, "\1\0\0\0\0\0\0\1b", 9, out), 0);
}

/* ---- the tail ---- */

static void add_frame(LogTail *tail, char stream, const char *text, size_t len)
{
    char head[8] = { stream };

    head[6] = (char)(len >> 8);
    head[7] = (char)len;
    log_tail_add(tail, head, sizeof(head));
    log_tail_add(tail, text, len);
}

static void a_tail_has_time_stream_and_whether_a_line_is_whole(void **state)
{
    LogTail tail;

    (void)state;
    log_tail_init(&tail, 1000, false);
    add_frame(&tail, 1, "T1 one\n", 7);
    add_frame(&tail, 2, "T2 half", 7);
    add_frame(&tail, 2, "T3  two\n", 8);
    add_frame(&tail, 1, "T4 \n", 4);
    assert_string_equal(log_tail_text(&tail), "T1 stdout F one\n"
                                              "T2 stderr P half\n"
                                              "T3 stderr F  two\n"
                                              "T4 stdout F \n");
    assert_false(tail.cut);
    log_tail_done(&tail);
}

static void a_tail_is_text_whatever_was_written(void **state)
{
    LogTail tail;

    (void)state;
    log_tail_init(&tail, 1000, false);
    add_frame(&tail, 1, "T a\0b\xff\xc3\n", 8);
    assert_string_equal(log_tail_text(&tail), "T stdout F a\xEF\xBF\xBD"
                                              "b\xEF\xBF\xBD\xEF\xBF\xBD\n");
    log_tail_done(&tail);
}

static void a_tail_keeps_the_last_whole_lines(void **state)
{
    LogTail tail;
    char text[40];

    (void)state;
    log_tail_init(&tail, 100, false);
    for (int i = 0; i < 1000; i++)
        add_frame(&tail, 1, text, (size_t)snprintf(text, sizeof(text), "T line %d\n", i));
    const char *got = log_tail_text(&tail);
    assert_true(strlen(got) <= 100 && strlen(got) > 70);
    assert_memory_equal(got, "T stdout F line 99", 18);
    assert_non_null(strstr(got, "T stdout F line 999\n"));
    assert_true(tail.cut);
    log_tail_done(&tail);
}

static void a_tail_of_a_terminal_has_lines_cut_anywhere(void **state)
{
    LogTail tail;

    (void)state;
    log_tail_init(&tail, 1000, true);
    log_tail_add(&tail, "T1 hel", 6);
    log_tail_add(&tail, "lo\r\nT2 end", 10);
    assert_string_equal(log_tail_text(&tail), "T1 stdout F hello\nT2 stdout P end\n");
    log_tail_done(&tail);
}

static void a_line_without_end_is_bounded(void **state)
{
    LogTail tail;
    static char block[4096];

    (void)state;
    memset(block, 'x', sizeof(block));
    log_tail_init(&tail, 1000, true);
    log_tail_add(&tail, "T ", 2);
    for (int i = 0; i < 1000; i++)
        log_tail_add(&tail, block, sizeof(block));
    assert_true(strlen(log_tail_text(&tail)) <= 1000);
    assert_true(tail.lines.cap < 1024 * 1024);
    log_tail_done(&tail);
}

/* ---- parameters and routes ---- */

static void parameters_are_checked(void **state)
{
    static const struct {
        const char *tail;
        const char *since;
        const char *want; /* NULL: refused */
    } cases[] = {
        { NULL, NULL, "" },
        { "all", NULL, "&tail=all" },
        { "0", NULL, "&tail=0" },
        { "123456789", NULL, "&tail=123456789" },
        { "1234567890", NULL, NULL },
        { "", NULL, NULL },
        { "5x", NULL, NULL },
        { NULL, "90s", "&since=10.500" },
        { NULL, "1h", "&since=0.000" },
        { NULL, "12.25", "&since=12.25" },
        { NULL, "1970-01-01T00:01:00.123456789Z", "&since=60.123456789" },
        { NULL, "1970-01-01T00:01:00Z", "&since=60." },
        { NULL, "", NULL },
        { NULL, "tomorrow", NULL },
        { NULL, "1&follow=1", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(buf_done) Buf out = { .max = 512 };
        Err err = { 0 };
        int rc = logs_parameters(false, true, cases[i].tail, cases[i].since, 100500, &out, &err);
        assert_int_equal(rc, cases[i].want != NULL ? 0 : -1);
        if (rc == 0) {
            static const char start[] = "stdout=1&stderr=1&follow=0&timestamps=1";
            assert_memory_equal(buf_str(&out), start, sizeof(start) - 1);
            assert_string_equal(buf_str(&out) + sizeof(start) - 1, cases[i].want);
        } else {
            assert_memory_equal(err.message, "invalid ", 8);
        }
    }
}

static void routes_have_segments(void **state)
{
    static const struct {
        const char *path;
        const char *first;
        const char *second;
    } cases[] = {
        { "/logs/p/s", "p", "s" },     { "/logs/a%2Fb/%20", "a/b", " " },
        { "/logs/p/", NULL, NULL },    { "/logs/p", NULL, NULL },
        { "/logs/p/s/t", NULL, NULL }, { "/logs//s", NULL, NULL },
        { "/logs/%zz/s", NULL, NULL }, { "/logs/%00/s", NULL, NULL },
        { "/other/p/s", NULL, NULL },
    };
    h2o_mem_pool_t pool;

    (void)state;
    h2o_mem_init_pool(&pool);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *segments[HTTPD_SEGMENTS_MAX] = { NULL };
        bool matches = httpd_match("/logs/{project}/{service}", cases[i].path,
                                   strlen(cases[i].path), &pool, segments);
        assert_int_equal(matches, cases[i].first != NULL);
        if (matches) {
            assert_string_equal(segments[0], cases[i].first);
            assert_string_equal(segments[1], cases[i].second);
        }
    }
    h2o_mem_clear_pool(&pool);
}

/* ---- caractrl ---- */

/* What the printer writes to stdout and stderr, with both going to files for the time. */
static void printed(const char *prefix, const char *data, size_t len, char out[static 256],
                    char err[static 256])
{
    FILE *files[2] = { tmpfile(), tmpfile() };
    int saved[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
    char *texts[2] = { out, err };
    LogPrinter printer;

    fflush(stdout);
    for (int i = 0; i < 2; i++)
        dup2(fileno(files[i]), i == 0 ? STDOUT_FILENO : STDERR_FILENO);
    log_printer_init(&printer, prefix, "");
    for (size_t i = 0; i < len; i++)
        assert_int_equal(log_printer_add_frames(&printer, data + i, 1), 0);
    assert_int_equal(log_printer_finish(&printer), 0);
    log_printer_done(&printer);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i == 0 ? STDOUT_FILENO : STDERR_FILENO);
        close(saved[i]);
        ssize_t n = pread(fileno(files[i]), texts[i], 255, 0);
        texts[i][n > 0 ? n : 0] = '\0';
        fclose(files[i]);
    }
}

static void one_service_is_printed_as_it_is(void **state)
{
    char out[256];
    char err[256];

    (void)state;
    printed(NULL, framed, sizeof(framed) - 1, out, err);
    assert_string_equal(out, "out\nx");
    assert_string_equal(err, "err\n");
}

static void several_are_printed_by_whole_lines(void **state)
{
    char out[256];
    char err[256];

    (void)state;
    printed("web | ", framed, sizeof(framed) - 1, out, err);
    assert_string_equal(out, "web | out\nweb | x\n");
    assert_string_equal(err, "web | err\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_may_be_cut_anywhere),
        cmocka_unit_test(an_error_of_the_engine_is_no_output),
        cmocka_unit_test(a_tail_has_time_stream_and_whether_a_line_is_whole),
        cmocka_unit_test(a_tail_is_text_whatever_was_written),
        cmocka_unit_test(a_tail_keeps_the_last_whole_lines),
        cmocka_unit_test(a_tail_of_a_terminal_has_lines_cut_anywhere),
        cmocka_unit_test(a_line_without_end_is_bounded),
        cmocka_unit_test(parameters_are_checked),
        cmocka_unit_test(routes_have_segments),
        cmocka_unit_test(one_service_is_printed_as_it_is),
        cmocka_unit_test(several_are_printed_by_whole_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
