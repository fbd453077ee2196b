/* What containers wrote, on its way to this program's stdout and stderr: as it is when there is one
 * service, line by line behind the service's name when there are several. Several threads may
 * print; a line is never torn. */
#ifndef CTL_LOG_PRINTER_H
#define CTL_LOG_PRINTER_H

#include "cara/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define LOG_LINE_MAX (64 * 1024) /* a longer line is printed in pieces */

typedef enum LogStream { LOG_STDOUT, LOG_STDERR } LogStream;

typedef struct LogPrinter {
    const char *prefix; /* "web  | ", or NULL: everything as it is */
    const char *colour; /* an escape sequence, or "" */
    Buf lines[2];       /* of each stream, what has no end yet; with a prefix */
    unsigned char head[8];
    size_t head_len;
    size_t left; /* of the frame */
    LogStream stream;
} LogPrinter;

void log_printer_init(LogPrinter *printer, const char *prefix, const char *colour);
void log_printer_done(LogPrinter *printer);

/* Output of one stream. -1 when it cannot be written any more. */
int log_printer_add(LogPrinter *printer, LogStream stream, const char *data, size_t len);

/* The engine's frames, in pieces cut anywhere. */
int log_printer_add_frames(LogPrinter *printer, const char *data, size_t len);

/* Prints what has no line end, with one. */
int log_printer_finish(LogPrinter *printer);

#endif
