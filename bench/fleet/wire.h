/* A connection to the server for a load generator: HTTP/1.1, one request at a time, as little work
 * and memory as can be. It trusts its peer. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Wire {
    int fd; /* -1: closed */
    bool connecting;
    char *in; /* what has come and is not yet taken; NULL while there is nothing */
    size_t len;
    size_t cap;
} Wire;

typedef struct Answer {
    int status;
    char *body; /* NUL-terminated, in the wire's memory until wire_forget() */
    size_t len;
    char etag[80];   /* "" when there is none */
    int retry_after; /* seconds; 0 when it is not told */
} Answer;

int wire_connect(Wire *wire, const struct sockaddr_in *to, int epoll_fd, void *tag);
bool wire_connected(Wire *wire); /* once it is writable; false: refused */
int wire_send(Wire *wire, const char *text, size_t len);

/* Reads what is there: -1 when the connection has ended. */
int wire_read(Wire *wire);

/* Whether a whole answer is there. Of one without an end (a stream) the head is enough. */
bool wire_answer(Wire *wire, Answer *ret);

void wire_forget(Wire *wire); /* what has come so far */
void wire_close(Wire *wire);

#endif
