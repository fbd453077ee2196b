/* `.env` files: KEY=value lines, `export ` allowed before the key, `#` comments.
 *
 * 'single quotes' keep everything as it is; "double quotes" know \n \r \t \" \\ \$; without quotes
 * the value ends at the line's end or at ` #`, blanks around it dropped. Nothing is expanded. */
#ifndef CARA_DOTENV_H
#define CARA_DOTENV_H

#include "cara/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct DotenvEntry {
    char *key;
    char *value;
} DotenvEntry;

typedef struct Dotenv {
    DotenvEntry *entries; /* in file order; the last one of a key counts */
    size_t count;
} Dotenv;

/* On failure the error says "line N: ..." and never shows a value. */
int dotenv_parse(const char *text, Dotenv *ret, Err *err);
const char *dotenv_get(const Dotenv *env, const char *key); /* NULL when absent */
void dotenv_done(Dotenv *env);

#endif
