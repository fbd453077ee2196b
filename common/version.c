#include "cara/version.h"

#include <stdio.h>

void version_print(const char *program)
{
    printf("%s %s (commit %s, built %s)\n", program, cara_version, cara_commit, cara_built);
}
