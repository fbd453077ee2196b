#include "dial.h"

#include "cara/backlog.h"
#include "cara/time.h"
#include "cara/tunnel.h"
#include "handshake.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MAX_MS   5000
#define HANDSHAKE_MAX_MS 40000 /* the agent asks its engine, and dials too */

typedef enum Stage { STAGE_IDLE, STAGE_CONNECT, STAGE_ASK, STAGE_ANSWER, STAGE_DONE } Stage;

struct Dial {
    const DialPlace *place;
    const struct addrinfo *next; /* address to try when this one fails */
    Stage stage;
    int fd;
    int64_t deadline;
    int failure; /* errno of the last try */
    Handshake handshake;
    Backlog request;
    Buf answer;
    size_t head_len;
    bool agreed;
};

int dial_place_init(DialPlace *place, const AgentAddress *address, const char *path,
                    const char *protocol, Err *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    int failed = getaddrinfo(address->host, address->port, &hints, &place->addresses);

    if (failed != 0) {
        place->addresses = NULL;
        return agent_address_silent(address, gai_strerror(failed), err);
    }
    place->agent = *address;
    place->text = agent_address_text(address);
    place->path = mem_strdup(path);
    place->protocol = protocol;
    return 0;
}

void dial_place_done(DialPlace *place)
{
    if (place->addresses != NULL)
        freeaddrinfo(place->addresses);
    free(place->text);
    free(place->path);
    *place = (DialPlace){ 0 };
}

Dial *dial_new(const DialPlace *place)
{
    Dial *dial = mem_alloc(sizeof(*dial));

    dial->place = place;
    dial->next = place->addresses;
    dial->fd = -1;
    dial->handshake.host = place->text;
    dial->handshake.path = place->path;
    dial->handshake.protocol = place->protocol;
    websocket_make_key(dial->handshake.key);
    buf_init(&dial->answer, HANDSHAKE_ANSWER_MAX);
    return dial;
}

void dial_free(Dial *dial)
{
    if (dial == NULL)
        return;
    if (dial->fd >= 0)
        close(dial->fd);
    backlog_drop(&dial->request);
    buf_done(&dial->answer);
    free(dial);
}

int dial_fd(const Dial *dial)
{
    return dial->fd;
}

short dial_events(const Dial *dial)
{
    return dial->stage == STAGE_ANSWER ? POLLIN : POLLOUT;
}

int64_t dial_deadline(const Dial *dial)
{
    return dial->deadline;
}

/* strerror() in the lower case Go uses. */
static int fail(Dial *dial, Err *err)
{
    char words[128];

    if (dial->failure == ETIMEDOUT)
        return agent_address_silent(&dial->place->agent, "i/o timeout", err);
    snprintf(words, sizeof(words), "%s", strerror(dial->failure));
    words[0] = (char)tolower((unsigned char)words[0]);
    return agent_address_silent(&dial->place->agent, words, err);
}

/* Starts with the next address; -1 when there is none left. */
static int connect_next(Dial *dial, Err *err)
{
    const int on = 1;

    for (; dial->next != NULL; dial->next = dial->next->ai_next) {
        const struct addrinfo *a = dial->next;
        if (dial->fd >= 0)
            close(dial->fd);
        dial->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (dial->fd < 0) {
            dial->failure = errno;
            continue;
        }
        setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        tunnel_keep_alive(dial->fd);
        if (connect(dial->fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS) {
            dial->failure = errno;
            continue;
        }
        dial->next = a->ai_next;
        dial->stage = STAGE_CONNECT;
        dial->deadline = time_monotonic_ms() + CONNECT_MAX_MS;
        return 0;
    }
    return fail(dial, err);
}

/* 1 when connected, 0 when not yet, -1 when it failed. */
static int check_connect(Dial *dial)
{
    struct pollfd poller = { .fd = dial->fd, .events = POLLOUT };
    int code = 0;
    socklen_t len = sizeof(code);

    if (poll(&poller, 1, 0) == 0) {
        if (time_monotonic_ms() < dial->deadline)
            return 0;
        dial->failure = ETIMEDOUT;
        return -1;
    }
    getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &code, &len);
    dial->failure = code;
    return code == 0 ? 1 : -1;
}

static void ask(Dial *dial)
{
    _cleanup_(mem_freep) char *request = handshake_request(&dial->handshake);

    backlog_add(&dial->request, request, strlen(request));
    dial->stage = STAGE_ASK;
    dial->deadline = time_monotonic_ms() + HANDSHAKE_MAX_MS;
}

static int broken(Dial *dial, int code, Err *err)
{
    return agent_address_silent(&dial->place->agent, strerror(code), err);
}

static int read_answer(Dial *dial, Err *err)
{
    char data[4096];
    size_t room = HANDSHAKE_ANSWER_MAX - dial->answer.len;
    ssize_t n = recv(dial->fd, data, room < sizeof(data) ? room : sizeof(data), 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (time_monotonic_ms() < dial->deadline)
            return 0;
        snprintf(data, sizeof(data), "nothing came for %d s", HANDSHAKE_MAX_MS / 1000);
        return agent_address_silent(&dial->place->agent, data, err);
    }
    if (n < 0)
        return broken(dial, errno, err);
    buf_add(&dial->answer, data, (size_t)n);
    long head_len = handshake_parse(&dial->handshake, buf_str(&dial->answer), dial->answer.len,
                                    n == 0, &dial->agreed, err);
    if (head_len <= 0)
        return (int)head_len;
    dial->head_len = (size_t)head_len;
    dial->stage = STAGE_DONE;
    return 1;
}

int dial_ready(Dial *dial, Err *err)
{
    if (dial->stage == STAGE_IDLE && connect_next(dial, err) < 0)
        return -1;
    if (dial->stage == STAGE_CONNECT) {
        int connected = check_connect(dial);
        if (connected <= 0)
            return connected < 0 ? connect_next(dial, err) : 0;
        ask(dial);
    }
    if (dial->stage == STAGE_ASK) {
        if (backlog_flush(&dial->request, dial->fd) < 0)
            return broken(dial, errno, err);
        if (backlog_len(&dial->request) > 0)
            return 0;
        dial->stage = STAGE_ANSWER;
        return 0;
    }
    return dial->stage == STAGE_ANSWER ? read_answer(dial, err) : 1;
}

int dial_take(Dial *dial, bool *ret_agreed, const char **ret_early, size_t *ret_len)
{
    int fd = dial->fd;

    *ret_agreed = dial->agreed;
    *ret_early = buf_str(&dial->answer) + dial->head_len;
    *ret_len = dial->answer.len - dial->head_len;
    dial->fd = -1;
    return fd;
}

int dial_wait(Dial *dial, Err *err)
{
    int done;

    while ((done = dial_ready(dial, err)) == 0) {
        struct pollfd poller = { .fd = dial->fd, .events = dial_events(dial) };
        int64_t left = dial->deadline - time_monotonic_ms();
        poll(&poller, 1, left > 0 ? (int)left : 0);
    }
    return done < 0 ? -1 : 0;
}
