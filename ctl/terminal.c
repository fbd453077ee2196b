#include "terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static bool is_raw;

void terminal_restore(void)
{
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    is_raw = false;
}

int terminal_make_raw(Err *err)
{
    static bool registered;
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return err_set(err, ERR_INVALID,
                       "stdin is not a terminal: leave out -t, and use -i to send it input");
    if (!registered)
        atexit(terminal_restore);
    registered = true;
    raw = before;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return err_set(err, ERR_SYSTEM, "set up the terminal: %s", strerror(errno));
    is_raw = true;
    return 0;
}

bool terminal_size(int *ret_columns, int *ret_rows)
{
    struct winsize size;

    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        return false;
    *ret_columns = size.ws_col;
    *ret_rows = size.ws_row;
    return true;
}
