/* Errors as RFC 9457 problem documents, the same from the server and from an agent. Pure. */
#ifndef CARA_PROBLEM_H
#define CARA_PROBLEM_H

#include "cara/buf.h"

/* The "reason" of the status line and the "title" of the document. */
const char *problem_reason(int status);
const char *problem_title(int status);

/* Adds the document. `field` (the path of the offending member) is left out when NULL or "". */
void problem_write(Buf *out, int status, const char *detail, const char *field);

#endif
