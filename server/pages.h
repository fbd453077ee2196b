/* What a watch misses, read alone page by page before it joins its feed: a few calls at a time, and
 * one for all who miss the same, as those do who come back together. */
#ifndef CARA_SERVER_PAGES_H
#define CARA_SERVER_PAGES_H

#include "block.h"
#include "pool.h"

typedef struct Pages Pages;
typedef struct PageCall PageCall;

/* One who reads. The owner fills in the first part; `caught_up` and `position` are for it to see.
 */
typedef struct PageReader {
    const char *kind;
    const char *filter;
    int64_t position; /* it has everything up to here; -1: it begins with what is there */
    /* Called once for each pages_ask, never from within it. A page is the receiver's to unref, and
     * NULL when it would have no lines. */
    void (*got)(struct PageReader *self, Block *page);
    /* The result is NULL when the connection was lost. */
    void (*failed)(struct PageReader *self, const PGresult *result);

    bool listing;        /* reads what is there; then what has changed since it began to */
    bool caught_up;      /* what was read last was the end of the log */
    char *after_name;    /* of the listing: its own memory */
    int limit;           /* of rows */
    h2o_linklist_t link; /* of those queued, or of its call */
    PageCall *call;      /* while that is under way */
} PageReader;

#define PAGES_STATEMENTS 2
extern const char *const pages_statements[PAGES_STATEMENTS];

/* `first_statement`: of pages_statements in the pool's. The pool must outlive it. */
Pages *pages_new(Pool *pool, size_t first_statement);

void pages_reader_init(PageReader *reader);

/* Gives up whatever is under way. Once more does nothing. */
void pages_reader_done(PageReader *reader);

/* Queues for the next page; pages_go_on sends for it. */
void pages_ask(Pages *pages, PageReader *reader);

/* Whether it waits for a turn. */
bool pages_is_queued(PageReader *reader);

/* To be called when a page was let go of, and now and then: as many of the queued get their turn as
 * may. */
void pages_go_on(Pages *pages);

#endif
