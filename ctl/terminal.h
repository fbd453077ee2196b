/* The terminal this runs on, put into raw mode and back. */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include "cara/err.h"

#include <stdbool.h>

/* Every key goes to the program as it is. It is undone by terminal_restore(), and whatever way this
 * process exits by itself. */
int terminal_make_raw(Err *err);
void terminal_restore(void);

/* False when there is no telling. */
bool terminal_size(int *ret_columns, int *ret_rows);

#endif
