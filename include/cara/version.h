/* Which build this is, injected by CMake from git. */
#ifndef CARA_VERSION_H
#define CARA_VERSION_H

extern const char cara_version[]; /* "0.1.0" */
extern const char cara_commit[];  /* short hash, "-dirty" behind it when it was */
extern const char cara_built[];   /* UTC, RFC 3339 */

/* "PROGRAM VERSION (commit C, built T)" on stdout. */
void version_print(const char *program);

#endif
