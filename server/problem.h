/* Errors as RFC 9457 problem documents, and the one table from SQLSTATE to HTTP status. Pure. */
#ifndef CARA_SERVER_PROBLEM_H
#define CARA_SERVER_PROBLEM_H

#include "cara/buf.h"

#include <stdbool.h>

typedef enum ProblemText {
    PROBLEM_MESSAGE,     /* the database's message is the detail: it was written for the caller */
    PROBLEM_BODY,        /* the request's body could not be read: say so before the message */
    PROBLEM_UNAVAILABLE, /* nothing the caller did: ask to try again, tell nothing */
    PROBLEM_INTERNAL,    /* unexpected: to be logged, not told */
} ProblemText;

typedef struct ProblemRule {
    const char *sqlstate; /* five characters, or the two of a class */
    int status;
    ProblemText text;
} ProblemRule;

/* Never NULL; what no rule knows is 500 PROBLEM_INTERNAL. */
const ProblemRule *problem_rule(const char *sqlstate);

/* The "reason" of the status line and the "title" of the document. */
const char *problem_reason(int status);
const char *problem_title(int status);

/* Adds the document. `field` (the path of the offending member) is left out when NULL or "". */
void problem_write(Buf *out, int status, const char *detail, const char *field);

#endif
