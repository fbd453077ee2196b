#include "log_reader.h"

#include "api.h"
#include "cara/http.h"
#include "cara/mem.h"
#include "cara/time.h"
#include "json_at.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char *death_words(const json_t *death)
{
    int64_t code = json_int_at(death, "exitCode");
    int64_t signal = json_int_at(death, "signal");
    bool oom = json_is_true(json_at(death, "oomKilled"));
    const char *name = signal > 0 && signal < 65 ? sigabbrev_np((int)signal) : NULL;
    Buf out = { .max = 256 };

    buf_printf(&out, "%s %" PRId64,
               json_is_true(json_at(death, "stopped")) ? "was stopped, exit" : "exited", code);
    if (name != NULL)
        buf_printf(&out, " (SIG%s%s)", name, oom ? ", out of memory" : "");
    else if (oom)
        buf_add_str(&out, " (out of memory)");
    return buf_take(&out);
}

int log_since_seconds(const char *since, int64_t now, int64_t *ret, Err *err)
{
    size_t digits = since != NULL ? strspn(since, "0123456789.") : 0;
    int64_t ms = 0;
    bool zero = false;

    *ret = 0;
    if (since == NULL)
        return 0;
    if (digits > 0 && digits <= 18 && since[digits] == '\0') {
        *ret = strtoll(since, NULL, 10);
        return 0;
    }
    if (time_parse_duration(since, &ms, NULL) == 0) {
        *ret = now - ms / 1000;
        return 0;
    }
    if (time_parse_rfc3339(since, ret, &zero, NULL) == 0)
        return 0;
    return err_set(err, ERR_INVALID,
                   "invalid --since \"%.64s\": must be a duration (10m) or a time "
                   "(2006-01-02T15:04:05Z)",
                   since);
}

/* TIME stdout|stderr F|P TEXT */
static int print_line(const char *line, size_t len, const LogOptions *options, int64_t from,
                      LogPrinter *printer)
{
    const char *end = line + len;
    const char *stream = memchr(line, ' ', len);
    const char *mark = stream != NULL ? memchr(stream + 1, ' ', (size_t)(end - stream - 1)) : NULL;
    int64_t at = 0;
    bool zero;

    if (mark == NULL || end - mark < 3)
        return 0;
    _cleanup_(mem_freep) char *time = mem_strndup(line, (size_t)(stream - line));
    if (from > 0 && time_parse_rfc3339(time, &at, &zero, NULL) == 0 && at < from)
        return 0;
    LogStream which = strncmp(stream + 1, "stderr", 6) == 0 ? LOG_STDERR : LOG_STDOUT;
    const char *text = mark + 3; /* " F " */
    size_t text_len = text < end ? (size_t)(end - text) : 0;
    _cleanup_(mem_freep) char *out =
        mem_printf("%s%s%.*s%s", options->timestamps ? time : "", options->timestamps ? " " : "",
                   (int)text_len, text, mark[1] == 'F' ? "\n" : "");
    return log_printer_add(printer, which, out, strlen(out));
}

static int print_log(const char *log, const LogOptions *options, int64_t from, LogPrinter *printer)
{
    while (*log != '\0') {
        size_t len = strcspn(log, "\n");
        if (print_line(log, len, options, from, printer) < 0)
            return -1;
        log += len + (log[len] == '\n');
    }
    return log_printer_finish(printer);
}

/* What is kept of containers that ended; owned by the caller. */
static int fetch(Ctl *ctl, const char *project, const char *service, const char *tail, json_t **ret,
                 Err *err)
{
    _cleanup_(mem_freep) char *item = api_item_path("/api/v1/projects", project);
    _cleanup_(mem_freep) char *escaped = http_escape(service);
    _cleanup_(mem_freep) char *escaped_tail = http_escape(tail);
    _cleanup_(mem_freep) char *path =
        mem_printf("%s/logs?previous=true&service=%s&tail=%s", item, escaped, escaped_tail);

    return api_call(ctl, "GET", path, NULL, NULL, ret, err);
}

bool log_has_previous(Ctl *ctl, const char *project, const char *service)
{
    _cleanup_(json_decrefp) json_t *list = NULL;

    return fetch(ctl, project, service, "1", &list, &(Err){ 0 }) == 0 &&
           json_array_size(json_at(list, "items")) > 0;
}

int log_read_previous(Ctl *ctl, const LogOptions *options, const char *service, LogPrinter *printer,
                      Err *err)
{
    _cleanup_(json_decrefp) json_t *list = NULL;
    char age[TIME_TEXT_MAX];
    int64_t from = 0;
    int64_t finished = 0;
    bool zero = false;

    if (log_since_seconds(options->since, ctl->now, &from, err) < 0 ||
        fetch(ctl, options->project, service, options->tail, &list, err) < 0)
        return -1;
    const json_t *death = json_array_get(json_at(list, "items"), 0);
    if (death == NULL)
        return err_set(err, ERR_NOT_FOUND,
                       "previous container of %.253s/%.253s not found: none has ended",
                       options->project, service);
    time_parse_rfc3339(json_text_at(death, "finishedAt"), &finished, &zero, NULL);
    time_format_age(finished, ctl->now, age);
    _cleanup_(mem_freep) char *words = death_words(death);
    fprintf(stderr, "%s/%s %s on %s, %s ago\n", options->project, service, words,
            json_text_at(death, "node"), age);
    if (print_log(json_text_at(death, "log"), options, from, printer) < 0)
        return err_set(err, ERR_SYSTEM, "write output failed");
    return 0;
}
