/* Strings on their way into JSON and out of URLs. Pure. */
#ifndef CARA_TEXT_H
#define CARA_TEXT_H

#include "cara/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Well-formed UTF-8 without a NUL: what Postgres takes as text. */
bool text_is_storable(const char *s, size_t len);

/* Adds s as text that can be stored: each byte that is not part of well-formed UTF-8, and each NUL,
 * becomes U+FFFD. */
void text_add_storable(Buf *out, const char *s, size_t len);

/* Adds "s" with its quotes, escaped as contract 1.1 has it; what is not UTF-8 becomes U+FFFD. */
void text_add_json(Buf *out, const char *s, size_t len);

/* Resolves %XX, and '+' as a blank when `plus`. `out` has room for len + 1 bytes and is
 * NUL-terminated. Returns the length, or -1 for a broken escape or for what text_is_storable
 * refuses. */
ssize_t text_percent_decode(const char *s, size_t len, bool plus, char *out);

#endif
