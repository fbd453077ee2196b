/* How far a pull is, from what the engine tells line by line. */
#include "cara/mem.h"
#include "pull_progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct Told {
    const char *line;
    int percent; /* afterwards */
} Told;

static void assert_told(const Told *told, size_t count)
{
    _cleanup_(pull_progress_done) PullProgress progress;

    pull_progress_init(&progress);
    for (size_t i = 0; i < count; i++) {
        int before = progress.percent;
        json_t *line = json_loads(told[i].line, 0, NULL);
        assert_non_null(line);
        bool rose = pull_progress_take(&progress, line);
        json_decref(line);
        if (progress.percent != told[i].percent)
            fail_msg("%d %% after %s", progress.percent, told[i].line);
        assert_int_equal(rose, progress.percent > before);
    }
}

#define LINE(id, status, current, total)                                                           \
    "{\"id\":\"" id "\",\"status\":\"" status "\",\"progressDetail\":{\"current\":" current        \
    ",\"total\":" total "}}"

static void a_layer_is_half_done_when_it_is_here_and_done_when_it_is_unpacked(void **state)
{
    static const Told told[] = {
        { "{\"id\":\"1.2\",\"status\":\"Pulling from library/nginx\"}", -1 },
        { "{\"id\":\"a\",\"status\":\"Pulling fs layer\",\"progressDetail\":{}}", -1 },
        { LINE("a", "Downloading", "10", "100"), 5 },
        { LINE("a", "Downloading", "86", "100"), 43 },
        { "{\"id\":\"a\",\"status\":\"Download complete\",\"progressDetail\":{}}", 50 },
        { LINE("a", "Extracting", "50", "100"), 75 },
        { "{\"id\":\"a\",\"status\":\"Pull complete\",\"progressDetail\":{}}", 100 },
        { "{\"status\":\"Digest: sha256:0\"}", 100 },
    };

    (void)state;
    assert_told(told, ARRAY_LEN(told));
}

static void it_never_falls_though_layers_turn_up_later(void **state)
{
    static const Told told[] = {
        { LINE("a", "Downloading", "100", "100"), 50 },
        { LINE("b", "Downloading", "1", "300"), 50 },
        { LINE("b", "Downloading", "300", "300"), 50 },
        { LINE("b", "Extracting", "200", "300"), 75 },
        { LINE("b", "Extracting", "100", "300"), 75 },
    };

    (void)state;
    assert_told(told, ARRAY_LEN(told));
}

static void what_makes_no_sense_is_passed_over(void **state)
{
    static const Told told[] = {
        { "{}", -1 },
        { "[]", -1 },
        { "{\"id\":7,\"status\":\"Downloading\"}", -1 },
        { LINE("a", "Downloading", "-5", "-10"), -1 },
        { LINE("a", "Downloading", "\"x\"", "null"), -1 },
        { LINE("a", "Downloading", "500", "100"), 100 },
    };

    (void)state;
    assert_told(told, ARRAY_LEN(told));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layer_is_half_done_when_it_is_here_and_done_when_it_is_unpacked),
        cmocka_unit_test(it_never_falls_though_layers_turn_up_later),
        cmocka_unit_test(what_makes_no_sense_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
