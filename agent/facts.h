/* What this machine is. */
#ifndef AGENT_FACTS_H
#define AGENT_FACTS_H

#include "cara/err.h"

#include <jansson.h>
#include <stdint.h>

typedef struct Facts {
    int cpus;
    int64_t memory_kib;
    int64_t disk_kib; /* of the file system that holds / */
    char kernel[80];
    char os_image[120];
    char architecture[66]; /* as image registries call it: amd64, arm64 */
} Facts;

void facts_read(Facts *ret);
int facts_cpus(void);
void facts_read_memory(int64_t *ret_available, int64_t *ret_total); /* bytes */

/* The parsing, apart from where the text comes from. 0 and "" when it does not say. The key is
 * "MemTotal:" or another; KiB. */
int64_t facts_parse_meminfo(const char *text, const char *key);
void facts_parse_os_release(const char *text, char *out, size_t size);

/* The local address packets to the URL's host leave from. */
int facts_local_address(const char *url, char *out, size_t size, Err *err);

/* {"capacity":{…},"allocatable":{…},"info":{…}} */
json_t *facts_json(const Facts *facts, const char *docker_version);

#endif
