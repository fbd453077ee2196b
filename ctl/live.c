#include "live.h"

#include "cara/mem.h"
#include "print.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PLAIN_COLUMNS 80
#define PLAIN_ROWS    24

static bool screen(struct winsize *size)
{
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, size) == 0;
}

size_t live_columns(void)
{
    struct winsize size;

    if (!screen(&size) || size.ws_col < 2)
        return PLAIN_COLUMNS;
    return size.ws_col - 1u; /* the last column may wrap */
}

static size_t live_rows(void)
{
    struct winsize size;

    if (!screen(&size) || size.ws_row < 4)
        return PLAIN_ROWS;
    return size.ws_row - 2u;
}

void live_add_cut(const char *text, size_t width, Buf *out)
{
    size_t columns = 0;
    size_t len = 0;

    for (; text[len] != '\0'; len++) {
        bool is_mark = text[len] >= STYLE_GOOD[0] && text[len] <= STYLE_END[0];
        columns += ((unsigned char)text[len] & 0xC0) != 0x80 && !is_mark;
        if (columns > width)
            break;
    }
    buf_add(out, text, len);
    if (text[len] != '\0')
        buf_add_str(out, STYLE_END);
}

void live_wipe(Live *live, Ctl *ctl)
{
    if (live->rows > 0)
        buf_printf(&ctl->out, "\033[%zuA\r\033[J", live->rows);
    live->rows = 0;
}

void live_draw(Live *live, Ctl *ctl, const char *lines)
{
    size_t columns = live_columns();
    size_t most = live_rows();
    size_t left = 0;

    live_wipe(live, ctl);
    for (const char *p = lines; (p = strchr(p, '\n')) != NULL; p++)
        left++;
    for (; left > 0; left--) {
        size_t len = strcspn(lines, "\n");
        if (live->rows + 1 == most && left > 1) {
            buf_printf(&ctl->out, "... and %zu more\n", left);
            live->rows++;
            return;
        }
        _cleanup_(mem_freep) char *line = mem_strndup(lines, len);
        live_add_cut(line, columns, &ctl->out);
        buf_add_str(&ctl->out, "\n");
        live->rows++;
        lines += len + 1;
    }
}
