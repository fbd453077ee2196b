/* The proxy's own answers. */
#ifndef AGENT_INGRESS_PAGE_H
#define AGENT_INGRESS_PAGE_H

#include "cara/buf.h"

#include <stdbool.h>

typedef struct Page {
    int status;
    const char *detail;   /* a sentence; may hold what a client sent, which is escaped */
    const char *location; /* of a redirect; NULL */
    const char *hop;      /* a word of the hop header; NULL */
    bool html;            /* for a browser; else a line of text */
    bool keep_alive;
    bool is_head; /* only the head is wanted */
} Page;

/* Appends a whole HTTP/1.1 answer. */
void page_write(const Page *page, Buf *out);

const char *page_reason(int status);

#endif
