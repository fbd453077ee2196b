/* What processes use, from /proc. */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

/* CPU seconds so far, of user and system: of one process; of a process, its children, and those
 * children that are gone already. */
double usage_cpu(int pid);
double usage_cpu_of_family(int pid);

double usage_rss_mib(int pid);
double usage_own_mib_of_family(int pid); /* what they do not share, of it and its children */

#endif
