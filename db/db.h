/* The schema this build carries: every SQL file below db/, in the order in which it is applied. */
#ifndef CARA_DB_H
#define CARA_DB_H

#include <stddef.h>

typedef struct DbScript {
    const char *name; /* "migrations/0001_base.sql", "functions/20_schedule.sql", "roles.sql" */
    const char *text;
} DbScript;

extern const DbScript db_scripts[];
extern const size_t db_script_count;

#endif
