#include "cara/text.h"

#include <stdint.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence at s, 0 when there is none. */
static size_t sequence_length(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t need = u[0] < 0x80 ? 1 : u[0] < 0xC2 ? 0 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : 4;

    if (need == 0 || u[0] > 0xF4 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((u[i] & 0xC0) != 0x80)
            return 0;
    if ((u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xED && u[1] > 0x9F) || /* overlong, surrogate */
        (u[0] == 0xF0 && u[1] < 0x90) || (u[0] == 0xF4 && u[1] > 0x8F))
        return 0;
    return need;
}

bool text_is_storable(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = sequence_length(s + i, len - i);
        if (n == 0 || s[i] == '\0')
            return false;
        i += n;
    }
    return true;
}

void text_add_storable(Buf *out, const char *s, size_t len)
{
    size_t plain = 0; /* bytes before s[i] that can be added as they are */

    for (size_t i = 0; i < len;) {
        size_t n = s[i] != '\0' ? sequence_length(s + i, len - i) : 0;
        if (n == 0) {
            buf_add(out, s + i - plain, plain);
            buf_add_str(out, "\xEF\xBF\xBD");
            plain = 0;
            i++;
            continue;
        }
        plain += n;
        i += n;
    }
    buf_add(out, s + len - plain, plain);
}

static void add_escaped(Buf *out, unsigned char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = c != '\0' ? strchr(plain, c) : NULL;

    if (found != NULL)
        buf_printf(out, "\\%c", letters[found - plain]);
    else
        buf_printf(out, "\\u%04x", c);
}

void text_add_json(Buf *out, const char *s, size_t len)
{
    buf_add(out, "\"", 1);
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)s[i];
        size_t n = sequence_length(s + i, len - i);
        if (n == 0) {
            buf_add_str(out, "\xEF\xBF\xBD");
            n = 1;
        } else if (c < 0x20 || strchr("\"\\<>&", c) != NULL) {
            add_escaped(out, c);
        } else if (n == 3 && (memcmp(s + i, "\xE2\x80\xA8", 3) == 0 ||
                              memcmp(s + i, "\xE2\x80\xA9", 3) == 0)) {
            buf_add_str(out, s[i + 2] == '\xA8' ? "\\u2028" : "\\u2029");
        } else {
            buf_add(out, s + i, n);
        }
        i += n;
    }
    buf_add(out, "\"", 1);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

ssize_t text_percent_decode(const char *s, size_t len, bool plus, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (s[i] != '%') {
            out[n++] = plus && s[i] == '+' ? ' ' : s[i];
            continue;
        }
        int high = i + 2 < len ? hex_value(s[i + 1]) : -1;
        int low = i + 2 < len ? hex_value(s[i + 2]) : -1;
        if (high < 0 || low < 0)
            return -1;
        out[n++] = (char)(high * 16 + low);
        i += 2;
    }
    out[n] = '\0';
    return text_is_storable(out, n) ? (ssize_t)n : -1;
}
