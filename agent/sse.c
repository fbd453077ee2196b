#include "sse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MAX_MS 300000

/* What stands behind "name:" and one blank; NULL when the line is another field's. */
static const char *value_of(const char *line, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(line, name, len) != 0 || (line[len] != ':' && line[len] != '\0'))
        return NULL;
    line += len + (line[len] == ':');
    return *line == ' ' ? line + 1 : line;
}

/* Nothing but digits counts. */
static int64_t read_retry(const char *text)
{
    char *end;
    long long ms = isdigit((unsigned char)*text) ? strtoll(text, &end, 10) : -1;

    if (ms < 0 || *end != '\0')
        return -1;
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

/* Returns whether the line ended a wake-up. */
static bool take_line(Sse *sse)
{
    const char *value;

    sse->line[sse->len] = '\0';
    if (sse->len == 0) { /* the end of an event */
        bool woken = sse->wake && sse->has_data;
        sse->wake = sse->has_data = false;
        return woken;
    }
    sse->len = 0;
    if ((value = value_of(sse->line, "event")) != NULL)
        sse->wake = strcmp(value, "wake") == 0;
    else if (value_of(sse->line, "data") != NULL)
        sse->has_data = true;
    else if ((value = value_of(sse->line, "retry")) != NULL && read_retry(value) >= 0)
        sse->retry_ms = read_retry(value);
    return false; /* a comment, or a field that we do not know */
}

size_t sse_read(Sse *sse, const char *data, size_t len)
{
    size_t wakes = 0;

    for (size_t i = 0; i < len; i++) {
        char c = data[i];
        bool second = c == '\n' && sse->after_cr;
        sse->after_cr = c == '\r';
        if (c != '\n' && c != '\r') {
            if (sse->len < SSE_LINE_MAX - 1)
                sse->line[sse->len++] = c;
        } else if (!second) {
            wakes += take_line(sse);
        }
    }
    return wakes;
}
