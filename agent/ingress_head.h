/* Heads of HTTP/1 messages as the ingress takes and passes them: pure, no I/O.
 *
 * A request is taken apart, checked, and written anew for the backend: hop-by-hop members, and
 * whatever a client claims about who forwarded it, are left out; the framing is written by us,
 * once, so that no two readers of it can disagree. A response is treated alike on its way back. */
#ifndef AGENT_INGRESS_HEAD_H
#define AGENT_INGRESS_HEAD_H

#include "cara/buf.h"
#include "pico.h"

#include <stdbool.h>
#include <stdint.h>

#define HEAD_MAX         (32 * 1024) /* bytes of one head, either way */
#define HEAD_MEMBERS_MAX 128
#define HOST_MAX         256

/* What one node's proxy tells another's: that it sends this on, with the receiver's key. In an
 * answer: one of the words below, which never come from a backend. */
#define HOP_HEADER   "cara-hop"
#define HOP_UNKNOWN  "unknown-host" /* 421: this node has no such host, ask anew where it is */
#define HOP_STALEKEY "stale-key"    /* served, but the key was not ours (any more) */

typedef struct Text {
    const char *base;
    size_t len;
} Text;

typedef enum BodyKind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE } BodyKind;

/* Points into what was parsed. */
typedef struct RequestHead {
    Text method;
    Text target;         /* path and query, or "*" */
    Text authority;      /* the host as it was sent, with its port */
    char host[HOST_MAX]; /* lower case, without port and trailing dot */
    int minor;           /* HTTP/1.minor */
    BodyKind body;
    uint64_t length;
    bool keep_alive;
    bool is_head;
    bool is_safe_to_repeat; /* an idempotent method */
    bool wants_html;
    Text upgrade; /* what to; empty without */
    Text hop;     /* the hop header; base is NULL without */
    Text forwarded_for, forwarded_host, forwarded_proto;
    Text connection; /* the members it names go no further */
    struct phr_header members[HEAD_MEMBERS_MAX];
    size_t count;
} RequestHead;

typedef struct ResponseHead {
    int minor;
    int status;
    Text reason;
    BodyKind body;
    uint64_t length;
    bool keep_alive;
    Text upgrade;
    Text hop;
    Text connection;
    struct phr_header members[HEAD_MEMBERS_MAX];
    size_t count;
} ResponseHead;

/* The length of the head; 0 when it is not whole yet; else minus the status to refuse it with: 400
 * malformed or ambiguous, 431 too large, 501 a method or coding that is not passed on. `seen` is
 * how much an earlier call was given. */
int request_head_parse(const char *data, size_t len, size_t seen, RequestHead *ret);

/* As above; a failure is -502. What the body is depends on the request's method. */
int response_head_parse(const char *data, size_t len, size_t seen, bool to_head, ResponseHead *ret);

/* Who sends this on, in the words of the X-Forwarded members. */
typedef struct Forwarding {
    Text client;         /* X-Forwarded-For */
    Text host;           /* X-Forwarded-Host */
    Text proto;          /* X-Forwarded-Proto */
    const char *hop_key; /* of the other node's proxy; NULL towards a container */
} Forwarding;

/* Appends the head for the backend. */
void request_head_write(const RequestHead *head, const Forwarding *forwarding, Buf *out);

typedef struct ResponseStyle {
    int minor; /* of the client */
    bool keep_alive;
    BodyKind body;   /* how the body is framed towards the client */
    const char *hop; /* a word of the hop header to add; NULL for none */
} ResponseStyle;

/* Appends the head for the client. */
void response_head_write(const ResponseHead *head, const ResponseStyle *style, Buf *out);

/* A host as routes know it: lower case, without port, without a dot at the end; an IPv6 address
 * keeps its brackets. False when it cannot be a host. */
bool host_normalize(Text authority, char ret[static HOST_MAX]);

static inline bool text_is(Text text, const char *word, size_t len)
{
    return text.len == len && __builtin_memcmp(text.base, word, len) == 0;
}

#endif
