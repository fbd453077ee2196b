#include "pages.h"

#include "feed.h"

#include "cara/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_MAX  16
#define ALIVE_MAX  ((size_t)16 * 1024 * 1024) /* bytes of pages that somebody still takes */
#define ROWS_FIRST 50                         /* then by what a row weighs */
#define NUMBER_MAX 24

enum { STATEMENT_START, STATEMENT_READ };

const char *const pages_statements[PAGES_STATEMENTS] = {
    [STATEMENT_START] =
        "SELECT id, name, line FROM api.watch_start($1::text, $2::jsonb, $3::text, $4::int)",
    [STATEMENT_READ] =
        "SELECT id, line FROM api.watch_read($1::text, $2::jsonb, $3::bigint, $4::int)",
};

struct PageCall {
    h2o_linklist_t link; /* of those under way */
    Pages *pages;
    PoolCall *call;
    h2o_linklist_t readers;
    /* the arguments: the first reader may leave */
    bool listing;
    char *kind;
    char *filter;
    char *after;
    int64_t position;
    int limit;
    char rows[NUMBER_MAX];
};

struct Pages {
    Pool *pool;
    size_t first_statement;
    h2o_linklist_t queued;
    h2o_linklist_t calls;
    size_t count; /* calls under way */
    size_t alive; /* bytes of pages */
};

Pages *pages_new(Pool *pool, size_t first_statement)
{
    Pages *pages = mem_alloc(sizeof(*pages));

    pages->pool = pool;
    pages->first_statement = first_statement;
    h2o_linklist_init_anchor(&pages->queued);
    h2o_linklist_init_anchor(&pages->calls);
    return pages;
}

void pages_reader_init(PageReader *reader)
{
    reader->listing = reader->position < 0;
    reader->after_name = reader->listing ? mem_strdup("") : NULL;
    reader->limit = ROWS_FIRST;
}

/* ---- calls ---- */

static void call_free(PageCall *call)
{
    if (h2o_linklist_is_linked(&call->link))
        h2o_linklist_unlink(&call->link);
    call->pages->count--;
    free(call->kind);
    free(call->filter);
    free(call->after);
    free(call);
}

static void attach(PageReader *reader, PageCall *call)
{
    h2o_linklist_insert(&call->readers, &reader->link);
    reader->call = call;
}

/* What is there is read for each alone: who comes after a change shall find it. */
static PageCall *find_same(const Pages *pages, const PageReader *reader)
{
    for (h2o_linklist_t *node = pages->calls.next; node != &pages->calls; node = node->next) {
        PageCall *call = H2O_STRUCT_FROM_MEMBER(PageCall, link, node);
        if (!reader->listing && !call->listing && call->position == reader->position &&
            strcmp(call->kind, reader->kind) == 0 && strcmp(call->filter, reader->filter) == 0)
            return call;
    }
    return NULL;
}

static void take_rows(PageReader *reader, const PageCall *call, const PGresult *result,
                      int64_t position)
{
    int last = PQntuples(result) - 1;

    reader->limit = feed_next_limit(result, call->listing ? 2 : 1, call->limit);
    if (!call->listing) {
        /* the rows are of some of the ids: fewer ids than rows asked for means all of them */
        reader->caught_up = position - call->position < call->limit;
        reader->position = position;
        return;
    }
    if (reader->position < 0)
        reader->position = position; /* what changes from here on comes after the listing */
    free(reader->after_name);
    reader->after_name =
        PQgetisnull(result, last, 1) ? NULL : mem_strdup(PQgetvalue(result, last, 1));
    reader->listing = reader->after_name != NULL;
}

static void on_answered(void *arg, PGresult *result)
{
    PageCall *call = arg;
    int64_t position = feed_rows_position(result);
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK && position >= 0;
    Block *page = good ? block_new(result, 0, call->listing ? 2 : 1, call->position, position,
                                   &call->pages->alive)
                       : NULL;

    call->call = NULL;
    h2o_linklist_unlink(&call->link); /* who asks from now on asks for what comes next */
    while (!h2o_linklist_is_empty(&call->readers)) {
        PageReader *reader = H2O_STRUCT_FROM_MEMBER(PageReader, link, call->readers.next);
        h2o_linklist_unlink(&reader->link);
        reader->call = NULL;
        if (good) {
            take_rows(reader, call, result, position);
            reader->got(reader, block_ref(page));
        } else {
            reader->failed(reader, result);
        }
    }
    block_unref(page);
    PQclear(result);
    call_free(call);
}

static bool start(Pages *pages, PageReader *reader)
{
    PageCall *call = mem_alloc(sizeof(*call));

    *call = (PageCall){ .pages = pages,
                        .listing = reader->listing,
                        .kind = mem_strdup(reader->kind),
                        .filter = mem_strdup(reader->filter),
                        .after = reader->listing ? mem_strdup(reader->after_name)
                                                 : mem_printf("%" PRId64, reader->position),
                        .position = reader->position,
                        .limit = reader->limit };
    snprintf(call->rows, sizeof(call->rows), "%d", call->limit);
    h2o_linklist_init_anchor(&call->readers);
    h2o_linklist_insert(&pages->calls, &call->link);
    pages->count++;
    const char *params[] = { call->kind, call->filter, call->after, call->rows };
    call->call = pool_call(
        pages->pool, pages->first_statement + (call->listing ? STATEMENT_START : STATEMENT_READ),
        params, ARRAY_LEN(params), on_answered, call);
    if (call->call == NULL) {
        call_free(call);
        return false;
    }
    attach(reader, call);
    return true;
}

/* ---- readers ---- */

static void detach(PageReader *reader)
{
    if (h2o_linklist_is_linked(&reader->link))
        h2o_linklist_unlink(&reader->link);
    reader->call = NULL;
}

void pages_reader_done(PageReader *reader)
{
    PageCall *call = reader->call;

    detach(reader);
    free(TAKE_PTR(reader->after_name));
    if (call == NULL || call->call == NULL || !h2o_linklist_is_empty(&call->readers))
        return;
    pool_cancel(call->call);
    call_free(call);
}

void pages_ask(Pages *pages, PageReader *reader)
{
    PageCall *same = find_same(pages, reader);

    if (same != NULL)
        attach(reader, same);
    else
        h2o_linklist_insert(&pages->queued, &reader->link);
}

bool pages_is_queued(PageReader *reader)
{
    return h2o_linklist_is_linked(&reader->link) && reader->call == NULL;
}

void pages_go_on(Pages *pages)
{
    while (!h2o_linklist_is_empty(&pages->queued)) {
        PageReader *reader = H2O_STRUCT_FROM_MEMBER(PageReader, link, pages->queued.next);
        PageCall *same = find_same(pages, reader);
        if (same == NULL && (pages->count >= CALLS_MAX || pages->alive >= ALIVE_MAX))
            return;
        detach(reader);
        if (same != NULL) {
            attach(reader, same);
        } else if (!start(pages, reader)) { /* the database takes no more now */
            pages_ask(pages, reader);
            return;
        }
    }
}
