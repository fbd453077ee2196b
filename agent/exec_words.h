/* What the two ends of an exec tell each other in text messages, as JSON. Binary messages are the
 * bytes: from the client stdin; to it what the engine sends, raw with a terminal, else in the
 * engine's frames (stream 0 0 0 length(4, big-endian)), which messages may cut anywhere. Pure.
 *
 *   client
 * {"start":{"command":["sh","-c","…"],"stdin":true,"tty":true,"term":"xterm","columns":80,"rows":24}}
 *           {"resize":{"columns":120,"rows":40}}
 *           {"eof":true}                     no more stdin
 *   agent   {"exit":0}                       and a close frame of 1000
 *           {"problem":{…}}                  RFC 9457, and a close frame of 1011 */
#ifndef AGENT_EXEC_WORDS_H
#define AGENT_EXEC_WORDS_H

#include "cara/err.h"

#include <stdbool.h>
#include <stddef.h>

#define EXEC_BODY_MAX (48 * 1024) /* of the engine's request that a command becomes */

typedef enum ExecWordKind { EXEC_START, EXEC_RESIZE, EXEC_EOF } ExecWordKind;

typedef struct ExecWord {
    ExecWordKind kind;
    char *body;        /* owned; of EXEC_START: what the engine's exec create gets */
    bool tty;          /* of EXEC_START */
    int columns, rows; /* of EXEC_RESIZE, and of EXEC_START with a terminal; 0 when not told */
} ExecWord;

/* Reads a message of the client; the error names the member. */
int exec_word_parse(const char *text, size_t len, ExecWord *ret, Err *err);
void exec_word_done(ExecWord *word);

#endif
