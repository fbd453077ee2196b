/* Any text is a duration, a time, or refused with words. */
#include "cara/mem.h"
#include "cara/time.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

/* A time that was understood is understood again when printed. */
static void print_and_read(int64_t seconds)
{
    char text[TIME_TEXT_MAX];
    int64_t again;
    bool zero;

    time_format_utc(seconds, text);
    if (strlen(text) == strlen("2026-11-20T16:25:13Z") && text[0] != '-') /* years 0 to 9999 */
        check(time_parse_rfc3339(text, &again, &zero, NULL) == 0 && again == seconds);
    time_format_age(seconds, 0, text);
    check(text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(mem_freep) char *text = mem_strndup((const char *)data, size);
    int64_t value;
    bool zero;
    Err err = { 0 };

    if (time_parse_duration(text, &value, &err) == 0)
        check(value >= 0);
    else
        check(err.kind == ERR_INVALID && err.message[0] != '\0');
    err_clear(&err);
    if (time_parse_rfc3339(text, &value, &zero, &err) == 0)
        print_and_read(value);
    else
        check(err.kind == ERR_INVALID && err.message[0] != '\0');
    return 0;
}
