#include "log_printer.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define FRAME_STDERR 2

static pthread_mutex_t screen = PTHREAD_MUTEX_INITIALIZER;

void log_printer_init(LogPrinter *printer, const char *prefix, const char *colour)
{
    *printer = (LogPrinter){ .prefix = prefix, .colour = colour };
    buf_init(&printer->lines[LOG_STDOUT], LOG_LINE_MAX);
    buf_init(&printer->lines[LOG_STDERR], LOG_LINE_MAX);
}

void log_printer_done(LogPrinter *printer)
{
    buf_done(&printer->lines[LOG_STDOUT]);
    buf_done(&printer->lines[LOG_STDERR]);
}

static int write_line(const LogPrinter *printer, LogStream stream, const char *data, size_t len)
{
    FILE *out = stream == LOG_STDERR ? stderr : stdout;

    pthread_mutex_lock(&screen);
    if (printer->prefix != NULL)
        fprintf(out, "%s%s%s", printer->colour, printer->prefix,
                *printer->colour != '\0' ? "\033[0m" : "");
    fwrite(data, 1, len, out);
    if (printer->prefix != NULL)
        fputc('\n', out);
    int rc = fflush(out);
    pthread_mutex_unlock(&screen);
    return rc == 0 ? 0 : -1;
}

static int flush_line(LogPrinter *printer, LogStream stream)
{
    Buf *line = &printer->lines[stream];
    int rc = write_line(printer, stream, buf_str(line), line->len);

    buf_reset(line);
    return rc;
}

int log_printer_add(LogPrinter *printer, LogStream stream, const char *data, size_t len)
{
    Buf *line = &printer->lines[stream];
    int rc = 0;

    if (printer->prefix == NULL)
        return write_line(printer, stream, data, len);
    while (len > 0 && rc == 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end != NULL ? (size_t)(end - data) : len;
        size_t room = LOG_LINE_MAX - line->len;
        bool full = n > room;
        n = full ? room : n;
        buf_add(line, data, n);
        data += n;
        len -= n;
        if (!full && end != NULL) {
            data++;
            len--;
        }
        if (full || end != NULL)
            rc = flush_line(printer, stream);
    }
    return rc;
}

int log_printer_add_frames(LogPrinter *printer, const char *data, size_t len)
{
    while (len > 0) {
        if (printer->left == 0) {
            unsigned char *h = printer->head;
            h[printer->head_len++] = (unsigned char)*data++;
            len--;
            if (printer->head_len < sizeof(printer->head))
                continue;
            printer->head_len = 0;
            printer->stream = h[0] >= FRAME_STDERR ? LOG_STDERR : LOG_STDOUT;
            printer->left = (size_t)h[4] << 24 | (size_t)h[5] << 16 | (size_t)h[6] << 8 | h[7];
            continue;
        }
        size_t n = len < printer->left ? len : printer->left;
        if (log_printer_add(printer, printer->stream, data, n) < 0)
            return -1;
        printer->left -= n;
        data += n;
        len -= n;
    }
    return 0;
}

int log_printer_finish(LogPrinter *printer)
{
    int rc = 0;

    for (LogStream s = LOG_STDOUT; s <= LOG_STDERR; s++)
        if (printer->lines[s].len > 0 && flush_line(printer, s) < 0)
            rc = -1;
    return rc;
}
