/* watch HOST PORT WATCHERS SECONDS VERSION: for bench/watch.
 *
 * Holds WATCHERS watches of all projects from VERSION on in one process and reads everything that
 * comes for SECONDS and until nothing more does. Each object says when it was changed (annotation
 * "at", microseconds of CLOCK_REALTIME).
 *
 * A gap is a watcher whose last word about an object is not the newest any watcher has of it, a
 * version that came twice or out of order, or a watch that ended. Merged versions are none: the
 * newest of an object is what counts.
 *
 * Prints "EVENTS GAPS P50 P99 MAX" (microseconds), from the change to the line read.
 */
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NAMES_MAX  4096 /* the projects are named p0, p1, ... */
#define READ_BYTES (1024 * 1024)
#define QUIET_MS   2000
#define BUCKETS    200000 /* of 50 us: ten seconds */
#define BUCKET_US  50
#define HEAD_BYTES 600 /* of a line, where name, annotations and version stand */

typedef struct Watcher {
    int fd;
    char *rest; /* of a line not read to its end */
    size_t rest_len;
    size_t rest_cap;
} Watcher;

/* What a watcher was told of a project last. */
typedef struct Seen {
    int64_t version;
    int64_t at; /* the moment of the change */
} Seen;

/* What stands before a number, and how far behind the one before it that was last time: a million
 * lines a second are nearly alike, and to read them shall cost little beside sending them. */
typedef struct Mark {
    const char *text;
    size_t usual;
} Mark;

static Mark name_mark = { "\"metadata\":{\"name\":\"p", 0 };
static Mark at_mark = { "\"at\":\"", 0 };
static Mark version_mark = { ",\"resourceVersion\":\"", 0 };

static Watcher *watchers;
static size_t watchers_count;
/* By each watcher, side by side as all are told of the same in a row. */
static Seen *seen[NAMES_MAX];
static int64_t newest[NAMES_MAX];
static uint64_t histogram[BUCKETS];
static uint64_t events;
static uint64_t gaps;
static uint64_t worst_us;
static int64_t now_us; /* taken once a read: what came with it came then */

static void die(const char *what, const char *why)
{
    fprintf(stderr, "watch: %s: %s\n", what, why);
    exit(1);
}

static void *make(size_t size)
{
    void *memory = calloc(1, size);

    if (memory == NULL)
        die("memory", strerror(errno));
    return memory;
}

static int64_t clock_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The number behind the mark, from *at on, which then is its end; -1 when it is not there. */
static int64_t number_after(const char **at, const char *end, Mark *mark)
{
    const char *found = *at + mark->usual;
    size_t len = strlen(mark->text);
    int64_t number = 0;

    if (found + len > end || memcmp(found, mark->text, len) != 0)
        found = memmem(*at, (size_t)(end - *at), mark->text, len);
    if (found == NULL)
        return -1;
    mark->usual = (size_t)(found - *at);
    const char *digit = found + len;
    while (digit < end && *digit >= '0' && *digit <= '9')
        number = number * 10 + (*digit++ - '0');
    *at = digit;
    return number;
}

static void take_line(const Watcher *watcher, const char *line, size_t len)
{
    const char *end = line + (len < HEAD_BYTES ? len : HEAD_BYTES);
    int64_t name = number_after(&line, end, &name_mark);
    int64_t at = number_after(&line, end, &at_mark);
    int64_t version = number_after(&line, end, &version_mark);

    if (name < 0 || name >= NAMES_MAX || version < 0)
        return; /* the first bytes of each chunk, and bookmarks */
    if (seen[name] == NULL)
        seen[name] = make(watchers_count * sizeof(Seen));
    Seen *last = &seen[name][watcher - watchers];
    events++;
    if (version <= last->version)
        gaps++;
    last->version = version;
    if (version > newest[name])
        newest[name] = version;
    if (at <= last->at)
        return; /* something else about it changed, such as its status */
    last->at = at;
    uint64_t us = now_us > at ? (uint64_t)(now_us - at) : 0;
    worst_us = us > worst_us ? us : worst_us;
    histogram[us / BUCKET_US < BUCKETS ? us / BUCKET_US : BUCKETS - 1]++;
}

/* Lines end in newlines; chunk sizes of the transfer coding stand on lines of their own or before a
 * line, and may fall into one: they are short, and a line of ours begins with '{'. */
static void take(Watcher *watcher, const char *data, size_t len)
{
    const char *end = data + len;
    const char *newline;

    while ((newline = memchr(data, '\n', (size_t)(end - data))) != NULL) {
        size_t n = (size_t)(newline - data);
        if (watcher->rest_len > 0) {
            if (watcher->rest_len + n > watcher->rest_cap) {
                watcher->rest_cap = watcher->rest_len + n + 4096;
                watcher->rest = realloc(watcher->rest, watcher->rest_cap);
            }
            memcpy(watcher->rest + watcher->rest_len, data, n);
            take_line(watcher, watcher->rest, watcher->rest_len + n);
            watcher->rest_len = 0;
        } else if (n > 0 && data[0] == '{') {
            take_line(watcher, data, n);
        }
        data = newline + 1;
    }
    size_t left = (size_t)(end - data);
    if (watcher->rest_len + left > watcher->rest_cap) {
        watcher->rest_cap = watcher->rest_len + left + 4096;
        watcher->rest = realloc(watcher->rest, watcher->rest_cap);
    }
    memcpy(watcher->rest + watcher->rest_len, data, left);
    watcher->rest_len += left;
}

static int open_watch(const struct addrinfo *address, const char *host, const char *version)
{
    char request[512];
    int fd = socket(address->ai_family, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen) < 0)
        die("connect", strerror(errno));
    int n = snprintf(request, sizeof(request),
                     "GET /api/v1/projects?watch=true&resourceVersion=%s HTTP/1.1\r\n"
                     "Host: %s\r\n\r\n",
                     version, host);
    if (write(fd, request, (size_t)n) != n)
        die("write", strerror(errno));
    return fd;
}

static double percentile(double share)
{
    uint64_t total = 0;
    uint64_t sum = 0;

    for (size_t i = 0; i < BUCKETS; i++)
        total += histogram[i];
    for (size_t i = 0; i < BUCKETS; i++)
        if ((sum += histogram[i]) >= share * (double)total)
            return (double)(i + 1) * BUCKET_US;
    return 0;
}

int main(int argc, char **argv)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *address;
    static char buffer[READ_BYTES];

    if (argc != 6)
        die("usage", "watch HOST PORT WATCHERS SECONDS VERSION");
    watchers_count = strtoul(argv[3], NULL, 10);
    watchers = make(watchers_count * sizeof(*watchers));
    struct rlimit files = { watchers_count + 64, watchers_count + 64 };
    setrlimit(RLIMIT_NOFILE, &files);
    if (getaddrinfo(argv[1], argv[2], &hints, &address) != 0)
        die(argv[1], "no such host");
    int poll = epoll_create1(0);
    if (poll < 0)
        die("epoll", strerror(errno));
    for (size_t i = 0; i < watchers_count; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &watchers[i] };
        watchers[i].fd = open_watch(address, argv[1], argv[5]);
        epoll_ctl(poll, EPOLL_CTL_ADD, watchers[i].fd, &event);
    }
    freeaddrinfo(address);
    fprintf(stderr, "watching\n");

    int64_t until = clock_us() + strtoll(argv[4], NULL, 10) * 1000000;
    for (;;) {
        struct epoll_event ready[64];
        int n = epoll_wait(poll, ready, 64, QUIET_MS);
        now_us = clock_us();
        if (n == 0 && now_us > until)
            break;
        for (int i = 0; i < n; i++) {
            Watcher *watcher = ready[i].data.ptr;
            ssize_t got = read(watcher->fd, buffer, sizeof(buffer));
            now_us = clock_us();
            if (got > 0) {
                take(watcher, buffer, (size_t)got);
            } else {
                gaps++;
                epoll_ctl(poll, EPOLL_CTL_DEL, watcher->fd, NULL);
            }
        }
    }
    for (int name = 0; name < NAMES_MAX; name++)
        for (size_t i = 0; seen[name] != NULL && i < watchers_count; i++)
            gaps += seen[name][i].version != newest[name];
    printf("%llu %llu %.0f %.0f %llu\n", (unsigned long long)events, (unsigned long long)gaps,
           percentile(0.5), percentile(0.99), (unsigned long long)worst_us);
    return 0;
}
