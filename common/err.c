#include "cara/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Takes back a UTF-8 sequence that vsnprintf cut in the middle. */
static void trim_cut_sequence(char *s, size_t len)
{
    size_t start = len;

    while (start > 0 && ((unsigned char)s[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)s[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (len - (start - 1) < want)
        s[start - 1] = '\0';
}

static void write_message(char *out, size_t size, const char *fmt, va_list args)
{
    int n = vsnprintf(out, size, fmt, args);

    if (n >= 0 && (size_t)n >= size)
        trim_cut_sequence(out, size - 1);
}

int err_set(Err *err, ErrKind kind, const char *fmt, ...)
{
    if (err != NULL) {
        char message[sizeof(err->message)]; /* the arguments may point into err */
        va_list args;

        va_start(args, fmt);
        write_message(message, sizeof(message), fmt, args);
        va_end(args);
        err->kind = kind;
        err->status = 0;
        memcpy(err->message, message, sizeof(message));
    }
    return -1;
}

int err_set_status(Err *err, ErrKind kind, int status, const char *fmt, ...)
{
    if (err != NULL) {
        char message[sizeof(err->message)];
        va_list args;

        va_start(args, fmt);
        write_message(message, sizeof(message), fmt, args);
        va_end(args);
        err->kind = kind;
        err->status = status;
        memcpy(err->message, message, sizeof(message));
    }
    return -1;
}

int err_prefix(Err *err, const char *fmt, ...)
{
    if (err != NULL) {
        char message[2 * sizeof(err->message)];
        va_list args;

        va_start(args, fmt);
        write_message(message, sizeof(err->message), fmt, args);
        va_end(args);
        size_t len = strlen(message);
        snprintf(message + len, sizeof(message) - len, ": %s", err->message);
        len = strlen(message);
        if (len >= sizeof(err->message)) {
            message[sizeof(err->message) - 1] = '\0';
            trim_cut_sequence(message, sizeof(err->message) - 1);
        }
        memcpy(err->message, message, sizeof(err->message));
    }
    return -1;
}

void err_clear(Err *err)
{
    if (err != NULL) {
        err->kind = ERR_NONE;
        err->status = 0;
        err->message[0] = '\0';
    }
}
