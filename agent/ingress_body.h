/* Where a body ends, and how it is framed anew: pure.
 *
 * A body is taken out of its framing as it comes and framed for the other side by us: chunks that
 * arrive are never passed on as they are, so nobody behind us can read their edges differently. */
#ifndef AGENT_INGRESS_BODY_H
#define AGENT_INGRESS_BODY_H

#include "ingress_head.h"

#include <sys/uio.h>

typedef struct Body {
    BodyKind kind;
    uint64_t left; /* BODY_LENGTH */
    struct phr_chunked_decoder decoder;
    bool done;
} Body;

void body_begin(Body *body, BodyKind kind, uint64_t length);

/* Takes what came: *len bytes at data, which is changed in place. Afterwards the first *len bytes
 * are data of the body, and *ret_rest bytes at data + *ret_at belong to what follows it. -1 when
 * the framing is broken, or grows out of proportion. */
int body_take(Body *body, char *data, size_t *len, size_t *ret_at, size_t *ret_rest);

#define BODY_PIECES 4

/* Room for the size of a chunk in hexadecimal digits, with its line end. */
typedef struct ChunkFrame {
    char size[24];
} ChunkFrame;

/* Frames len bytes for a side that reads `kind`; `last` adds the end of a chunked body. Gives how
 * many of `out` it filled; they point into frame and data. */
size_t body_frame(BodyKind kind, const char *data, size_t len, bool last, ChunkFrame *frame,
                  struct iovec out[static BODY_PIECES]);

#endif
