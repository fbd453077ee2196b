/* Lines of a watch, read from the log once and shared by all who get them: a reference each. A
 * block holds a reference on the one after it, so whoever has a place in the chain can go on. */
#ifndef CARA_SERVER_BLOCK_H
#define CARA_SERVER_BLOCK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct BlockLine {
    int64_t id; /* position of the line's event; they rise */
    size_t end; /* where it ends in the data */
} BlockLine;

typedef struct Block {
    struct Block *next; /* NULL for the newest */
    size_t refs;
    size_t *alive;  /* the sum of sizes that this block's is part of; NULL for none */
    int64_t from;   /* holds what changed after this position ... */
    int64_t to;     /* ... up to this one */
    uint64_t start; /* bytes in the chain before it */
    bool bookmark;  /* one line that only tells the position */
    size_t count;
    BlockLine *lines;
    size_t len;
    char *data; /* the lines, each with its newline */
} Block;

/* From the rows of a result whose column `line` is not NULL; NULL when there are none. The caller
 * has the one reference. `id` may be -1: then all lines have the id `to`. */
Block *block_new(const PGresult *rows, int id, int line, int64_t from, int64_t to, size_t *alive);

/* One BOOKMARK line. */
Block *block_new_bookmark(const char *kind, int64_t position, size_t *alive);

Block *block_ref(Block *block); /* NULL gives NULL */
void block_unref(Block *block); /* NULL does nothing */

/* Where in the data the lines after that position begin. */
size_t block_skip(const Block *block, int64_t position);

#endif
