#include "usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Stat {
    int parent;
    double own;  /* CPU seconds */
    double gone; /* of children that were waited for */
} Stat;

static int read_stat(int pid, Stat *ret)
{
    char path[64];
    char text[1024] = "";
    unsigned long own[2] = { 0 };
    unsigned long gone[2] = { 0 };

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    const char *rest = len > 0 ? strrchr(text, ')') : NULL; /* names may hold anything */
    if (rest == NULL || sscanf(rest, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu",
                               &ret->parent, &own[0], &own[1], &gone[0], &gone[1]) != 5)
        return -1;
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    ret->own = (double)(own[0] + own[1]) * tick;
    ret->gone = (double)(gone[0] + gone[1]) * tick;
    return 0;
}

double usage_cpu(int pid)
{
    Stat stat = { 0 };

    return read_stat(pid, &stat) == 0 ? stat.own : 0;
}

/* Calls one for a process and each of its children. */
static void for_family(int pid, void (*one)(int pid, double *sum), double *sum)
{
    DIR *dir = opendir("/proc");

    if (dir == NULL)
        return;
    one(pid, sum);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        Stat stat = { 0 };
        int child = (int)strtol(entry->d_name, NULL, 10);
        if (read_stat(child, &stat) == 0 && stat.parent == pid)
            one(child, sum);
    }
    closedir(dir);
}

static void add_cpu(int pid, double *sum)
{
    Stat stat = { 0 };

    if (read_stat(pid, &stat) == 0)
        *sum += stat.own;
}

double usage_cpu_of_family(int pid)
{
    Stat head = { 0 };
    double sum = 0;

    if (read_stat(pid, &head) < 0)
        return 0;
    for_family(pid, add_cpu, &sum);
    return sum + head.gone;
}

/* A line of /proc/PID/status, in MiB. */
static double read_memory(int pid, const char *format)
{
    char path[64];
    char line[256];
    long kib = 0;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, format, &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return (double)kib / 1024;
}

double usage_rss_mib(int pid)
{
    return read_memory(pid, "VmRSS: %ld");
}

static void add_own_memory(int pid, double *sum)
{
    *sum += read_memory(pid, "RssAnon: %ld");
}

double usage_own_mib_of_family(int pid)
{
    double sum = 0;

    for_family(pid, add_own_memory, &sum);
    return sum;
}
