/* How one string is written in YAML so that every reader, old ones too, reads that string back. */
#include "print.h"

#include "cara/mem.h"
#include "cara/yaml.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

typedef enum Style { STYLE_PLAIN, STYLE_SINGLE, STYLE_DOUBLE, STYLE_LITERAL } Style;

/* Words of YAML 1.1 that some readers still take for booleans, and its merge key. */
static const char *const old_words[] = { "y", "n", "yes", "no", "on", "off", "<<" };

/* 12:30:45 was a number in base 60. */
static bool is_base_60(const char *p)
{
    p += *p == '-' || *p == '+';
    if (!isdigit((unsigned char)*p))
        return false;
    p += strspn(p, "0123456789_");
    if (*p != ':')
        return false;
    while (*p == ':') {
        size_t digits = strspn(p + 1, "0123456789");
        if (digits < 1 || digits > 2 || (digits == 2 && p[1] > '5'))
            return false;
        p += 1 + digits;
    }
    if (*p == '.')
        p += 1 + strspn(p + 1, "0123456789_");
    return *p == '\0';
}

static bool reads_as_something_else(const char *text, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(old_words); i++)
        if (strcasecmp(text, old_words[i]) == 0)
            return true;
    return yaml_is_special(text, len) || is_base_60(text);
}

/* Characters that only an escape can show: controls, DEL to U+009F, BOM, line and paragraph
 * separators, and everything beyond U+FFFF. */
static bool needs_escape(const char *p, size_t left)
{
    const unsigned char *s = (const unsigned char *)p;

    if (s[0] < 0x20)
        return s[0] != '\n';
    if (s[0] == 0x7f || s[0] >= 0xf0)
        return true;
    if (left >= 2 && s[0] == 0xc2)
        return s[1] < 0xa0;
    if (left >= 3 && s[0] == 0xe2 && s[1] == 0x80)
        return s[2] == 0xa8 || s[2] == 0xa9;
    return left >= 3 && ((s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf) ||
                         (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe));
}

static bool is_blank_or_end(char c)
{
    return c == ' ' || c == '\0';
}

/* Does syntax alone forbid plain style? The text has no newline and nothing to escape. */
static bool breaks_syntax(const char *text, size_t len)
{
    if (strchr(",[]{}#&*!|>'\"%@`", text[0]) != NULL)
        return true;
    if (strchr("-?:", text[0]) != NULL && is_blank_or_end(text[1]))
        return true;
    if (strncmp(text, "---", 3) == 0 || strncmp(text, "...", 3) == 0)
        return true;
    if (text[0] == ' ' || text[len - 1] == ' ')
        return true;
    for (size_t i = 0; i < len; i++)
        if ((text[i] == ':' && is_blank_or_end(text[i + 1])) ||
            (text[i] == '#' && i > 0 && text[i - 1] == ' '))
            return true;
    return false;
}

static Style choose_style(const char *text, size_t len, bool may_be_block)
{
    bool newline = false;

    if (len == 0)
        return STYLE_DOUBLE;
    for (size_t i = 0; i < len; i++) {
        if (needs_escape(text + i, len - i))
            return STYLE_DOUBLE;
        if (text[i] == '\n') {
            newline = true;
            if (i > 0 && text[i - 1] == ' ')
                return STYLE_DOUBLE;
        }
    }
    if (newline) {
        bool odd = !may_be_block || text[0] == ' ' || text[0] == '\n' || text[len - 1] == ' ' ||
                   (len > 1 && text[len - 1] == '\n' && text[len - 2] == '\n');
        return odd ? STYLE_DOUBLE : STYLE_LITERAL;
    }
    if (reads_as_something_else(text, len))
        return STYLE_DOUBLE;
    return breaks_syntax(text, len) ? STYLE_SINGLE : STYLE_PLAIN;
}

static void write_single(const char *text, size_t len, Buf *out)
{
    buf_add_str(out, "'");
    for (size_t i = 0; i < len; i++) {
        buf_add(out, text + i, 1);
        if (text[i] == '\'')
            buf_add_str(out, "'");
    }
    buf_add_str(out, "'");
}

/* Decodes one valid UTF-8 sequence; returns its length. */
static size_t decode(const char *p, unsigned *ret)
{
    unsigned char lead = (unsigned char)*p;
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    unsigned code = len == 1 ? lead : lead & (0x7fu >> len);

    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)p[i] & 0x3f);
    *ret = code;
    return len;
}

static void write_double(const char *text, size_t len, Buf *out)
{
    static const char shorts[] = "\"\\\a\b\f\n\r\t\v\033";
    static const char letters[] = "\"\\abfnrtve";

    buf_add_str(out, "\"");
    for (size_t i = 0; i < len;) {
        unsigned code;
        size_t n = decode(text + i, &code);
        const char *is_short = code != 0 && code < 0x80 ? strchr(shorts, (int)code) : NULL;
        if (is_short != NULL)
            buf_printf(out, "\\%c", letters[is_short - shorts]);
        else if (code == 0)
            buf_add_str(out, "\\0");
        else if (code != '\n' && !needs_escape(text + i, len - i))
            buf_add(out, text + i, n);
        else if (code <= 0xff)
            buf_printf(out, "\\x%02X", code);
        else if (code <= 0xffff)
            buf_printf(out, "\\u%04X", code);
        else
            buf_printf(out, "\\U%08X", code);
        i += n;
    }
    buf_add_str(out, "\"");
}

static void write_literal(const char *text, size_t len, size_t indent, Buf *out)
{
    bool clip = text[len - 1] == '\n';
    const char *end = text + len - clip;

    buf_add_str(out, clip ? "|" : "|-");
    while (text <= end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline != NULL ? newline : end;
        buf_add_str(out, "\n");
        if (stop > text)
            buf_printf(out, "%*s%.*s", (int)indent, "", (int)(stop - text), text);
        text = stop + 1;
    }
}

void print_yaml_string(const char *text, size_t len, size_t indent, Buf *out)
{
    switch (choose_style(text, len, indent != YAML_INLINE)) {
    case STYLE_PLAIN:
        buf_add(out, text, len);
        break;
    case STYLE_SINGLE:
        write_single(text, len, out);
        break;
    case STYLE_DOUBLE:
        write_double(text, len, out);
        break;
    case STYLE_LITERAL:
        write_literal(text, len, indent, out);
        break;
    }
}
