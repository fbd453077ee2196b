/* The one table from SQLSTATE to HTTP status. Pure. */
#ifndef CARA_SERVER_PROBLEM_H
#define CARA_SERVER_PROBLEM_H

#include "cara/problem.h"

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

#endif
