#include "ingress_log.h"

#include "cara/buf.h"
#include "cara/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_MS   200
#define FLUSH_AT   (32 * 1024)
#define BUFFER_MAX (1024 * 1024)

struct AccessLog {
    int fd;
    h2o_loop_t *loop;
    h2o_timeout_t every;
    h2o_timeout_entry_t timer;
    Buf lines;
};

static void flush(AccessLog *log)
{
    size_t at = 0;

    h2o_timeout_unlink(&log->timer);
    while (at < log->lines.len) {
        ssize_t n = write(log->fd, log->lines.data + at, log->lines.len - at);
        if (n < 0 && errno != EINTR)
            break; /* a log that cannot be written must not stop the traffic */
        at += n > 0 ? (size_t)n : 0;
    }
    buf_reset(&log->lines);
}

static void on_time(h2o_timeout_entry_t *timer)
{
    flush(H2O_STRUCT_FROM_MEMBER(AccessLog, timer, timer));
}

AccessLog *access_log_open(const char *path, h2o_loop_t *loop, Err *err)
{
    int fd = strcmp(path, "-") == 0
                 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

    if (fd < 0) {
        err_set(err, ERR_SYSTEM,
                "open the access log %s: %s: set PROXY_ACCESS_LOG or --proxy-access-log to a file "
                "that can be written",
                path, strerror(errno));
        return NULL;
    }
    AccessLog *log = mem_alloc(sizeof(*log));
    log->fd = fd;
    log->loop = loop;
    log->timer.cb = on_time;
    buf_init(&log->lines, BUFFER_MAX);
    h2o_timeout_init(loop, &log->every, FLUSH_MS);
    return log;
}

/* What a client sent, so that it can neither begin a line nor end a quoted text. */
static void add_quoted(Buf *out, const char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\' || c < 0x20 || c == 0x7f) {
            const char escaped[4] = { '\\', 'x', digits[c >> 4], digits[c & 15] };
            buf_add(out, escaped, sizeof(escaped));
        } else {
            buf_add(out, text, 1);
        }
    }
}

void access_log_add(AccessLog *log, const AccessEntry *entry)
{
    char when[32];
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
    buf_printf(&log->lines, "%s.%03ldZ %s %s \"", when, now.tv_nsec / 1000000, entry->peer,
               entry->host[0] != '\0' ? entry->host : "-");
    add_quoted(&log->lines, entry->line);
    buf_printf(&log->lines, " HTTP/1.%d\" %d %llu %llu.%03llu %s\n", entry->minor, entry->status,
               (unsigned long long)entry->bytes, (unsigned long long)entry->took_ms / 1000,
               (unsigned long long)entry->took_ms % 1000, entry->backend);
    if (log->lines.len >= FLUSH_AT || log->lines.failed)
        flush(log);
    else if (!h2o_timeout_is_linked(&log->timer))
        h2o_timeout_link(log->loop, &log->every, &log->timer);
}
