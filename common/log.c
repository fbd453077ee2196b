#include "cara/log.h"

#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static struct {
    const char *program;
    bool debug;
    bool console;
    pthread_mutex_t lock;
} logger = { .program = "cara", .lock = PTHREAD_MUTEX_INITIALIZER };

static const struct {
    const char *name;
    const char *colour;
} levels[] = {
    [LOG_DEBUG] = { "debug", "\033[2m" },
    [LOG_INFO] = { "info", "\033[32m" },
    [LOG_WARN] = { "warn", "\033[33m" },
    [LOG_ERROR] = { "error", "\033[31m" },
};

void log_init(const char *program, bool debug)
{
    logger.program = program;
    logger.debug = debug;
    logger.console = debug || isatty(STDERR_FILENO);
}

static void format_now(char *out, size_t size, const char *format)
{
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char seconds[32];
    strftime(seconds, sizeof(seconds), format, &utc);
    snprintf(out, size, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

static void put_json_string(FILE *out, const char *s, size_t len)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static size_t key_length(const char *s)
{
    size_t n = 0;

    while (isalnum((unsigned char)s[n]) || s[n] == '_')
        n++;
    return n > 0 && s[n] == '=' ? n : 0;
}

/* The byte where this value ends: before the next " key=", or the end. */
static size_t value_length(const char *s)
{
    for (const char *p = s; (p = strchr(p, ' ')) != NULL; p++)
        if (key_length(p + 1) > 0)
            return (size_t)(p - s);
    return strlen(s);
}

static void write_json(FILE *out, LogLevel level, const char *event, const char *fields)
{
    char now[64];

    format_now(now, sizeof(now), "%Y-%m-%dT%H:%M:%S");
    fprintf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"event\":", now,
            levels[level].name, logger.program);
    put_json_string(out, event, strlen(event));
    while (*fields != '\0') {
        size_t key = key_length(fields);
        if (key == 0) { /* not key=value: keep it whole rather than lose it */
            fputs(",\"text\":", out);
            put_json_string(out, fields, strlen(fields));
            break;
        }
        const char *value = fields + key + 1;
        size_t len = value_length(value);
        fputc(',', out);
        put_json_string(out, fields, key);
        fputc(':', out);
        put_json_string(out, value, len);
        fields = value + len;
        while (*fields == ' ')
            fields++;
    }
    fputs("}\n", out);
}

static void write_console(FILE *out, LogLevel level, const char *event, const char *fields)
{
    char now[64];
    bool colour = isatty(STDERR_FILENO);

    format_now(now, sizeof(now), "%H:%M:%S");
    fprintf(out, "%s %s%-5s%s %s%s%s\n", now, colour ? levels[level].colour : "",
            levels[level].name, colour ? "\033[0m" : "", event, *fields != '\0' ? "  " : "",
            fields);
}

void log_event(LogLevel level, const char *event, const char *fields, ...)
{
    char values[LINE_MAX_BYTES];
    va_list args;

    if (level == LOG_DEBUG && !logger.debug)
        return;
    values[0] = '\0';
    if (fields != NULL) {
        va_start(args, fields);
        vsnprintf(values, sizeof(values), fields, args);
        va_end(args);
    }
    pthread_mutex_lock(&logger.lock);
    if (logger.console)
        write_console(stderr, level, event, values);
    else
        write_json(stderr, level, event, values);
    fflush(stderr);
    pthread_mutex_unlock(&logger.lock);
}
