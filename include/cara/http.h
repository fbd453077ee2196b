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
    char etag[128];  /* as sent, quotes included; "" when there is none or it is longer */
    int retry_after; /* seconds, as the server asks; 0 when it does not */
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

/* How an answer that goes on for hours is followed. */
typedef struct HttpFollow {
    HttpSink sink;
    bool (*tick)(void *arg); /* about once a second, also while nothing comes; returning false ends
                                the call without an error; may be NULL */
    void *arg;
    int idle_ms;    /* nothing at all for this long is ERR_UNAVAILABLE; 0 for no limit */
    int timeout_ms; /* after this long it is enough, which is no error; 0 for no limit */
} HttpFollow;

/* GETs the path; as http_stream otherwise. The end of the answer is success too, with a status of 0
 * when it was enough before the answer began. The Http's own timeout_ms does not count. */
int http_follow(Http *http, const char *path, const HttpFollow *follow, HttpReply *ret, Err *err);

/* GET of what the caller may have already: `etag` is that of an earlier reply, "" for none. 304
 * says that nothing changed. */
int http_get_if_changed(Http *http, const char *path, const char *etag, HttpReply *ret, Err *err);

/* The CURL handle below, with the options of http_new set, for who must wait for an answer beside
 * other things: it is driven by libcurl's multi interface, and no call is made meanwhile. */
void *http_handle(Http *http);

/* The type of the answer that is coming, for a sink; NULL when it has none. */
const char *http_content_type(const Http *http);

/* Percent-encodes one path segment or query value; owned by the caller. */
char *http_escape(const char *segment);

/* Fills err from a non-2xx answer: "Title: Detail" of a problem document, else
 * "server returned 404 Not Found: body". Returns -1. */
int http_problem(const HttpReply *reply, Err *err);

void http_reply_done(HttpReply *reply);

#endif
