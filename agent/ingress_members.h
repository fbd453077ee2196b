/* Members of heads: which concern us, and what they say. Shared by the files of ingress_head.h. */
#ifndef AGENT_INGRESS_MEMBERS_H
#define AGENT_INGRESS_MEMBERS_H

#include "ingress_head.h"

#define LIT(word) (word), (sizeof(word) - 1)

typedef enum Member {
    M_OTHER,
    M_DROPPED, /* goes no further: about one connection, or a claim we do not take */
    M_HOST,
    M_LENGTH,
    M_CODING,
    M_CONNECTION,
    M_UPGRADE,
    M_ACCEPT,
    M_HOP,
    M_FORWARDED_FOR,
    M_FORWARDED_HOST,
    M_FORWARDED_PROTO,
} Member;

/* A name that only looks like one we know, with '_' for '-', is M_DROPPED. */
Member member_of(const struct phr_header *member);
Text member_value(const struct phr_header *member);         /* without blanks around it */
bool member_says(Text value, const char *word, size_t len); /* case does not matter */

/* What a Connection member says. One that stands in the head twice names twice. */
typedef struct Connection {
    bool close;
    bool keep_alive;
    bool upgrade;
    bool names_others; /* members that are then about this connection only */
} Connection;

void connection_read(Text value, Connection *out);
bool connection_names(Text connection, const struct phr_header *member);

typedef struct Framing {
    bool has_length, has_coding, chunked;
    uint64_t length;
} Framing;

/* One Content-Length or Transfer-Encoding more. Several lengths that agree are one; any other doubt
 * is refused. */
bool framing_read(Member member, Text value, Framing *out);

void head_add(Buf *out, Text text);
void head_add_member(Buf *out, const struct phr_header *member);
void head_add_framing(Buf *out, BodyKind body, uint64_t length);

#endif
