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

/* The parsing, apart from where the text comes from. 0 and "" when it does not say. */
int64_t facts_parse_meminfo(const char *text);
void facts_parse_os_release(const char *text, char *out, size_t size);

/* The local address packets to the URL's host leave from. */
int facts_local_address(const char *url, char *out, size_t size, Err *err);

/* {"capacity":{…},"allocatable":{…},"info":{…}} */
json_t *facts_json(const Facts *facts, const char *docker_version);

#endif
