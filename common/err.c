#include "cara/err.h"

#include <stdarg.h>
#include <stdbool.h>
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

/* Where the password is in the URL whose "://" is before `url`; false when there is none. */
static bool find_password(char *url, char **ret_start, char **ret_end)
{
    size_t len = strcspn(url, " \t\r\n\"<>");
    size_t authority = strcspn(url, "/?#");
    char *end = url + (authority < len ? authority : len);
    char *colon = memchr(url, ':', (size_t)(end - url));

    if (colon == NULL)
        return false;
    char *at = memrchr(colon, '@', (size_t)(end - colon));
    bool may_be_port = colon[1] >= '0' && colon[1] <= '9';
    if (at == NULL && !may_be_port && *url != '[') /* it has a slash that should have been %2F */
        at = memrchr(colon, '@', (size_t)(url + len - colon));
    if (at == NULL)
        return false;
    *ret_start = colon + 1;
    *ret_end = at;
    return true;
}

/* Puts xxxxx in the place of the password of each URL, as Go does: `s` has twice the room. */
static void mask_passwords(char *s)
{
    static const char mask[] = "xxxxx";
    char *start, *end;

    while ((s = strstr(s, "://")) != NULL) {
        s += strlen("://");
        if (!find_password(s, &start, &end))
            continue;
        memmove(start + strlen(mask), end, strlen(end) + 1);
        memcpy(start, mask, strlen(mask));
    }
}

static void write_message(char *out, size_t size, const char *fmt, va_list args)
{
    char text[2 * sizeof(((Err *)0)->message)];
    int n = vsnprintf(text, size, fmt, args);

    if (n >= 0 && (size_t)n >= size)
        trim_cut_sequence(text, size - 1);
    mask_passwords(text);
    if ((size_t)snprintf(out, size, "%s", text) >= size)
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
