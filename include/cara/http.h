/* A blocking HTTP client over libcurl, used by cara-agent (REST and the Docker Engine API) and by
 * caractrl. One Http is one thread's: it keeps its connections alive between calls. */
#ifndef CARA_HTTP_H
#define CARA_HTTP_H

#include "cara/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct Http Http;

typedef struct HttpReply {
    int status;
    char *content_type; /* owned, NULL when absent */
    char *body;         /* owned, NUL-terminated, never NULL after success */
    size_t len;
    char reason[64]; /* the status line's own phrase: "Not Found" */
} HttpReply;

typedef struct HttpOptions {
    const char *base;        /* "http://localhost:8080", no trailing slash needed */
    const char *unix_socket; /* path, or NULL for TCP */
    const char *user_agent;
    const char *accept;     /* the Accept header of requests without a body, or NULL */
    int timeout_ms;         /* whole call; 0 for none */
    int connect_timeout_ms; /* 0 for 10 s */
    size_t max_body;        /* longer answers are an error */
} HttpOptions;

/* Called with each piece of a streamed answer; returning false ends the call without an error. */
typedef bool (*HttpSink)(void *arg, const char *data, size_t len);

int http_new(const HttpOptions *options, Http **ret, Err *err);
void http_free(Http *http);

/* Any answer is success here, whatever its status: the caller knows what it expects. `body` may be
 * NULL; otherwise it is sent as application/json. Failures are ERR_UNAVAILABLE (could not connect,
 * was cut off, timed out) or ERR_INVALID (unusable URL), worded as in contract 6.2. */
int http_call(Http *http, const char *method, const char *path, const char *body, HttpReply *ret,
              Err *err);

/* As http_call, but a 2xx body goes to the sink as it comes; other bodies land in ret. */
int http_stream(Http *http, const char *method, const char *path, const char *body, HttpSink sink,
                void *arg, HttpReply *ret, Err *err);

/* The type of the answer that is coming, for a sink; NULL when it has none. */
const char *http_content_type(const Http *http);

/* Percent-encodes one path segment or query value; owned by the caller. */
char *http_escape(const char *segment);

/* Fills err from a non-2xx answer: "Title: Detail" of a problem document, else
 * "server returned 404 Not Found: body". Returns -1. */
int http_problem(const HttpReply *reply, Err *err);

void http_reply_done(HttpReply *reply);

#endif
