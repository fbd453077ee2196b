#include "cara/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void *or_abort(void *p)
{
    if (p == NULL) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return p;
}

void *mem_alloc(size_t size)
{
    return or_abort(calloc(1, size > 0 ? size : 1));
}

void *mem_grow(void *p, size_t count, size_t size)
{
    return or_abort(reallocarray(p, count > 0 ? count : 1, size));
}

char *mem_strdup(const char *s)
{
    return s == NULL ? NULL : or_abort(strdup(s));
}

char *mem_strndup(const char *s, size_t n)
{
    return or_abort(strndup(s, n));
}

char *mem_printf(const char *fmt, ...)
{
    char *out = NULL;
    va_list args;

    va_start(args, fmt);
    int n = vasprintf(&out, fmt, args);
    va_end(args);
    return or_abort(n < 0 ? NULL : out);
}
