#include "watch_lines.h"

#include "cara/mem.h"

#include <string.h>

static const char *const words[] = {
    [WATCH_ADDED] = "ADDED",       [WATCH_MODIFIED] = "MODIFIED", [WATCH_DELETED] = "DELETED",
    [WATCH_BOOKMARK] = "BOOKMARK", [WATCH_ERROR] = "ERROR",
};

const char *watch_type_word(WatchType type)
{
    return words[type];
}

void watch_lines_init(WatchLines *lines, WatchSink sink, void *arg)
{
    *lines = (WatchLines){ .sink = sink, .arg = arg };
    buf_init(&lines->pending, WATCH_LINE_MAX);
}

void watch_lines_done(WatchLines *lines)
{
    buf_done(&lines->pending);
}

static int take_line(WatchLines *lines, Err *err)
{
    json_error_t why;
    const char *text = buf_str(&lines->pending);

    if (text[strspn(text, " \t\r")] == '\0')
        return 1;
    _cleanup_(json_decrefp) json_t *line =
        json_loadb(text, lines->pending.len, JSON_ALLOW_NUL, &why);
    const char *word = json_string_value(json_object_get(line, "type"));
    const json_t *object = json_object_get(line, "object");
    if (line == NULL)
        return err_set(err, ERR_HTTP, "decode watch: %s (column %d)", why.text, why.column);
    if (word == NULL || !json_is_object(object))
        return err_set(err, ERR_HTTP,
                       "decode watch: a line has no type and object; is it really "
                       "cara-server that answers?");
    for (size_t type = 0; type < ARRAY_LEN(words); type++)
        if (strcmp(words[type], word) == 0)
            return lines->sink(lines->arg, (WatchType)type, object);
    return 1;
}

int watch_lines_feed(WatchLines *lines, const char *data, size_t len, Err *err)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end != NULL ? (size_t)(end - data) : len;
        if (buf_add(&lines->pending, data, n) < 0)
            return err_set(err, ERR_HTTP, "decode watch: a line is longer than %d MiB",
                           WATCH_LINE_MAX >> 20);
        if (end == NULL)
            return 1;
        int result = take_line(lines, err);
        buf_reset(&lines->pending);
        if (result <= 0)
            return result;
        data += n + 1;
        len -= n + 1;
    }
    return 1;
}

int watch_lines_end(WatchLines *lines, Err *err)
{
    _cleanup_(json_decrefp) json_t *line =
        json_loadb(buf_str(&lines->pending), lines->pending.len, JSON_ALLOW_NUL, NULL);
    int result = line != NULL ? take_line(lines, err) : 1;

    buf_reset(&lines->pending);
    return result;
}
