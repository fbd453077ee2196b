#include "facts.h"

#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/version.h"

#include <inttypes.h>
#include <netdb.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FILE_MAX_BYTES (64 * 1024)

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return mem_strdup("");
    char *text = mem_alloc(FILE_MAX_BYTES + 1);
    size_t n = fread(text, 1, FILE_MAX_BYTES, file);
    text[n] = '\0';
    fclose(file);
    return text;
}

/* What follows the key at the start of a line, or NULL. */
static const char *find_line(const char *text, const char *key)
{
    size_t len = strlen(key);

    for (const char *p = text; p != NULL; p = strchr(p, '\n')) {
        if (*p == '\n')
            p++;
        if (strncmp(p, key, len) == 0)
            return p + len;
    }
    return NULL;
}

int64_t facts_parse_meminfo(const char *text, const char *key)
{
    const char *value = find_line(text, key); /* "       16303428 kB" */

    return value != NULL ? strtoll(value, NULL, 10) : 0;
}

void facts_parse_os_release(const char *text, char *out, size_t size)
{
    const char *value = find_line(text, "PRETTY_NAME=");

    out[0] = '\0';
    if (value == NULL)
        return;
    size_t len = strcspn(value, "\n");
    if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0]) {
        value++;
        len -= 2;
    }
    snprintf(out, size, "%.*s", (int)len, value);
}

static void read_architecture(const char *machine, char *out, size_t size)
{
    static const struct {
        const char *kernel;
        const char *registry;
    } names[] = {
        { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" }, { "i686", "386" }
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(machine, names[i].kernel) == 0)
            machine = names[i].registry;
    snprintf(out, size, "%s", machine);
}

int facts_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void facts_read_memory(int64_t *ret_available, int64_t *ret_total)
{
    _cleanup_(mem_freep) char *meminfo = read_file("/proc/meminfo");

    *ret_available = facts_parse_meminfo(meminfo, "MemAvailable:") * 1024;
    *ret_total = facts_parse_meminfo(meminfo, "MemTotal:") * 1024;
}

void facts_read(Facts *ret)
{
    _cleanup_(mem_freep) char *meminfo = read_file("/proc/meminfo");
    _cleanup_(mem_freep) char *release = read_file("/etc/os-release");
    struct statvfs disk;
    struct utsname kernel;

    *ret = (Facts){ .cpus = facts_cpus(), .memory_kib = facts_parse_meminfo(meminfo, "MemTotal:") };
    facts_parse_os_release(release, ret->os_image, sizeof(ret->os_image));
    if (statvfs("/", &disk) == 0)
        ret->disk_kib = (int64_t)(disk.f_blocks * disk.f_frsize / 1024);
    if (uname(&kernel) == 0) {
        snprintf(ret->kernel, sizeof(ret->kernel), "%s", kernel.release);
        read_architecture(kernel.machine, ret->architecture, sizeof(ret->architecture));
    }
}

/* "http://host:port/…" to its parts. */
static void split_url(const char *url, char *host, size_t host_size, char *port, size_t port_size)
{
    const char *start = strstr(url, "://");
    bool https = strncmp(url, "https", 5) == 0;

    start = start != NULL ? start + 3 : url;
    size_t len = start[0] == '[' ? strcspn(start, "]") : strcspn(start, ":/");
    size_t skip = start[0] == '[' ? 1 : 0;
    snprintf(host, host_size, "%.*s", (int)(len - skip), start + skip);
    const char *rest = start + len + skip;
    if (rest[0] == ':')
        snprintf(port, port_size, "%.*s", (int)strcspn(rest + 1, "/"), rest + 1);
    else
        snprintf(port, port_size, "%s", https ? "443" : "80");
}

int facts_local_address(const char *url, char *out, size_t size, Err *err)
{
    char host[256];
    char port[16];
    struct addrinfo *found = NULL;
    const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
    struct sockaddr_storage local;
    socklen_t len = sizeof(local);
    bool known = false;

    split_url(url, host, sizeof(host), port, sizeof(port));
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0)
        return err_set(err, ERR_UNAVAILABLE, "look up \"%s\": %s", host, gai_strerror(rc));
    for (const struct addrinfo *at = found; at != NULL && !known; at = at->ai_next) {
        int fd = socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        /* a connected UDP socket sends nothing; it only picks the route */
        known = connect(fd, at->ai_addr, at->ai_addrlen) == 0 &&
                getsockname(fd, (struct sockaddr *)&local, &len) == 0 &&
                getnameinfo((struct sockaddr *)&local, len, out, (socklen_t)size, NULL, 0,
                            NI_NUMERICHOST) == 0;
        close(fd);
    }
    freeaddrinfo(found);
    return known
               ? 0
               : err_set(err, ERR_UNAVAILABLE, "no route to \"%s\": set AGENT_ADVERTISE_IP", host);
}

static json_t *quantities(const Facts *facts)
{
    json_t *out = json_object();

    json_object_set_new(out, "cpu", json_sprintf("%d", facts->cpus));
    json_object_set_new(out, "memory", json_sprintf("%" PRId64 "Ki", facts->memory_kib));
    json_object_set_new(out, "disk", json_sprintf("%" PRId64 "Ki", facts->disk_kib));
    return out;
}

json_t *facts_json(const Facts *facts, const char *docker_version)
{
    json_t *info = json_object();
    json_t *out = json_object();

    json_object_set_new(info, "kernelVersion", json_string(facts->kernel));
    json_object_set_new(info, "osImage", json_string(facts->os_image));
    json_object_set_new(info, "agentVersion", json_string(cara_version));
    json_object_set_new(info, "architecture", json_string(facts->architecture));
    if (docker_version[0] != '\0')
        json_object_set_new(info, "dockerVersion", json_string(docker_version));
    json_object_set_new(out, "capacity", quantities(facts));
    json_object_set_new(out, "allocatable", quantities(facts));
    json_object_set_new(out, "info", info);
    return out;
}
