#include "memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* Libraries run a lot of code once, in their constructors. Only mappings that are executable and
 * not writable: nothing of theirs can be lost, it is as in the file. */
static void give_back_code(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t start, end;
        char access[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, access) == 3 && strchr(line, '/') != NULL &&
            strcmp(access, "r-xp") == 0)
            madvise((void *)start, end - start, MADV_DONTNEED);
    }
    if (maps != NULL)
        fclose(maps);
}

void memory_give_back(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    malloc_trim(0);
    pthread_once(&once, give_back_code);
}
