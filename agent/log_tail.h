/* The last lines of a log, as they are kept when a container has died: one line each,
 * "TIME stdout|stderr F|P TEXT", F for a whole line and P for one that goes on in the next of its
 * stream. Text is made UTF-8 without NUL: what is not becomes U+FFFD. Pure. */
#ifndef AGENT_LOG_TAIL_H
#define AGENT_LOG_TAIL_H

#include "cara/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define LOG_PIECE_MAX (64 * 1024) /* bytes of one message; what is longer is cut into several */

typedef struct LogTail {
    Buf lines;   /* up to twice `limit`, then cut to that */
    Buf message; /* of the engine, until it is whole */
    size_t limit;
    size_t head_len; /* of `head` that is there */
    size_t left;     /* bytes of the message to come */
    unsigned char head[8];
    bool tty;
    bool cut; /* there was more before the first line */
} LogTail;

/* `tty`: the log is not in frames, and all of it is stdout. */
void log_tail_init(LogTail *tail, size_t limit, bool tty);
void log_tail_done(LogTail *tail);

/* Takes the engine's log with timestamps, in pieces cut anywhere. */
void log_tail_add(LogTail *tail, const char *data, size_t len);

/* The last whole lines that fit into the limit; owned by the tail. */
const char *log_tail_text(LogTail *tail);

#endif
