/* What text from elsewhere may do to a terminal, and the colours of our own words. */
#include "print.h"

#include "cara/mem.h"
#include "cara/names.h"

#include <string.h>

static const struct {
    const char *word;
    const char *style;
} words[] = {
    { "Ready", STYLE_GOOD },           { PHASE_RUNNING, STYLE_GOOD },
    { "running", STYLE_GOOD },         { "healthy", STYLE_GOOD },
    { "NotReady", STYLE_BAD },         { PHASE_FAILED, STYLE_BAD },
    { "exited", STYLE_BAD },           { "dead", STYLE_BAD },
    { "missing", STYLE_BAD },          { "unhealthy", STYLE_BAD },
    { "Deleted", STYLE_DIM },          { "Draining", STYLE_WARN },
    { PHASE_PENDING, STYLE_WARN },     { PHASE_SCHEDULED, STYLE_WARN },
    { PHASE_TERMINATING, STYLE_WARN }, { PHASE_TERMINATED, STYLE_WARN },
    { "Warning", STYLE_WARN },         { "restarting", STYLE_WARN },
    { "pulling", STYLE_WARN },
};

const char *print_style_of(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].style;
    return "";
}

void print_clean(const char *text, Buf *out)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool control = (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
        /* U+0080 to U+009F: the last byte of C2 80 to C2 9F is what some terminals obey */
        if (c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0) {
            text++;
            control = true;
        }
        if (control)
            buf_add(out, "?", 1);
        else
            buf_add(out, text, 1);
    }
}

void print_cell(const char *text, const char *empty, Buf *out)
{
    const char *style = print_style_of(text);

    if (*text == '\0') {
        buf_add_str(out, empty);
        return;
    }
    buf_add_str(out, style);
    print_clean(text, out);
    buf_add_str(out, *style != '\0' ? STYLE_END : "");
}

void print_styled(const char *text, bool colour, Buf *out)
{
    static const char *const codes[] = { "\033[32m", "\033[33m", "\033[31m", "\033[2m", "\033[0m" };

    while (*text != '\0') {
        size_t plain = strcspn(text, STYLE_GOOD STYLE_WARN STYLE_BAD STYLE_DIM STYLE_END);
        buf_add(out, text, plain);
        text += plain;
        if (*text != '\0') {
            if (colour)
                buf_add_str(out, codes[*text - STYLE_GOOD[0]]);
            text++;
        }
    }
}
