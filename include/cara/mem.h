/* Cleanup attributes and ownership helpers.
 *
 * Memory that runs out ends the process: every allocator here aborts instead of returning NULL, so
 * callers never test for it. Sizes that a user controls are bounded before they get here. */
#ifndef CARA_MEM_H
#define CARA_MEM_H

#include <stddef.h>
#include <stdlib.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Defines `void NAMEp(TYPE *p)` that hands *p to FREE; for `_cleanup_(NAMEp) TYPE x = NULL`. */
#define DEFINE_CLEANUP(type, freefn)                                                               \
    static inline void freefn##p(type *p)                                                          \
    {                                                                                              \
        freefn(*p);                                                                                \
    }                                                                                              \
    _Static_assert(1, "")

/* Gives up ownership: evaluates to the pointer and leaves NULL behind. */
#define TAKE_PTR(ptr)                                                                              \
    ({                                                                                             \
        __typeof__(ptr) _taken = (ptr);                                                            \
        (ptr) = NULL;                                                                              \
        _taken;                                                                                    \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline void mem_freep(void *p)
{
    free(*(void **)p);
}

void *mem_alloc(size_t size);                       /* zeroed */
void *mem_grow(void *p, size_t count, size_t size); /* realloc with an overflow check */
char *mem_strdup(const char *s);                    /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
