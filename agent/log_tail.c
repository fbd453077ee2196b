#include "log_tail.h"

#include "cara/text.h"

#include <string.h>

void log_tail_init(LogTail *tail, size_t limit, bool tty)
{
    *tail = (LogTail){ .limit = limit, .tty = tty };
    buf_init(&tail->lines, 2 * limit + 4 * LOG_PIECE_MAX);
    buf_init(&tail->message, LOG_PIECE_MAX);
}

void log_tail_done(LogTail *tail)
{
    buf_done(&tail->lines);
    buf_done(&tail->message);
}

/* Drops lines from the front until the rest fits. */
static void cut_front(LogTail *tail)
{
    Buf *lines = &tail->lines;

    if (lines->len <= tail->limit)
        return;
    const char *from = lines->data + (lines->len - tail->limit);
    if (from > lines->data && from[-1] != '\n') {
        const char *end = memchr(from, '\n', tail->limit);
        from = end != NULL ? end + 1 : lines->data + lines->len;
    }
    lines->len -= (size_t)(from - lines->data);
    memmove(lines->data, from, lines->len);
    lines->data[lines->len] = '\0';
    tail->cut = true;
}

/* One message: its time, a blank, the text, and a line feed unless it goes on. */
static void take_message(LogTail *tail, const char *stream)
{
    const char *text = buf_str(&tail->message);
    size_t len = tail->message.len;
    const char *blank = memchr(text, ' ', len);

    if (blank != NULL) {
        size_t time_len = (size_t)(blank - text);
        bool whole = text[len - 1] == '\n';
        size_t rest = len - time_len - 1 - whole;
        if (whole && tail->tty && rest > 0 && blank[rest] == '\r')
            rest--;
        text_add_storable(&tail->lines, text, time_len);
        buf_printf(&tail->lines, " %s %s ", stream, whole ? "F" : "P");
        text_add_storable(&tail->lines, blank + 1, rest);
        buf_add_str(&tail->lines, "\n");
    }
    buf_reset(&tail->message);
    if (tail->lines.len > 2 * tail->limit)
        cut_front(tail);
}

static void add_lines(LogTail *tail, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end != NULL ? (size_t)(end - data) + 1 : len;
        size_t room = LOG_PIECE_MAX - tail->message.len;
        bool full = n >= room;
        n = full ? room : n;
        buf_add(&tail->message, data, n);
        if (end != NULL || full)
            take_message(tail, "stdout");
        data += n;
        len -= n;
    }
}

static void add_frames(LogTail *tail, const char *data, size_t len)
{
    while (len > 0) {
        if (tail->left == 0) {
            unsigned char *h = tail->head;
            h[tail->head_len++] = (unsigned char)*data++;
            len--;
            if (tail->head_len == sizeof(tail->head)) {
                tail->left = (size_t)h[4] << 24 | (size_t)h[5] << 16 | (size_t)h[6] << 8 | h[7];
                tail->head_len = 0;
            }
            continue;
        }
        size_t n = len < tail->left ? len : tail->left;
        size_t room = LOG_PIECE_MAX - tail->message.len;
        buf_add(&tail->message, data, n < room ? n : room);
        tail->left -= n;
        data += n;
        len -= n;
        if (tail->left == 0)
            take_message(tail, tail->head[0] == 2 ? "stderr" : "stdout");
    }
}

void log_tail_add(LogTail *tail, const char *data, size_t len)
{
    if (tail->tty)
        add_lines(tail, data, len);
    else
        add_frames(tail, data, len);
}

const char *log_tail_text(LogTail *tail)
{
    if (tail->tty && tail->message.len > 0)
        take_message(tail, "stdout");
    cut_front(tail);
    return buf_str(&tail->lines);
}
