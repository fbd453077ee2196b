/* The lines of a watch: one JSON object each, {"type":"MODIFIED","object":{...}}. Pure. */
#ifndef CTL_WATCH_LINES_H
#define CTL_WATCH_LINES_H

#include "cara/buf.h"
#include "cara/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define WATCH_LINE_MAX (16 << 20) /* bytes */

typedef enum WatchType {
    WATCH_ADDED,
    WATCH_MODIFIED,
    WATCH_DELETED,  /* gone, or it left the filter */
    WATCH_BOOKMARK, /* nothing but a resourceVersion to go on from */
    WATCH_ERROR,    /* the object is a Status; nothing follows */
} WatchType;

/* The word on the wire. */
const char *watch_type_word(WatchType type);

/* Gets each line's object, borrowed; false ends the decoding. */
typedef bool (*WatchSink)(void *arg, WatchType type, const json_t *object);

typedef struct WatchLines {
    Buf pending; /* a line whose end has not come yet */
    WatchSink sink;
    void *arg;
} WatchLines;

void watch_lines_init(WatchLines *lines, WatchSink sink, void *arg);
void watch_lines_done(WatchLines *lines);

/* Takes a piece of the stream, cut anywhere. Returns 1 to go on, 0 when the sink has enough, -1
 * with err for what is no line of a watch. Lines of a type that is not known are passed over, as
 * are empty ones. */
int watch_lines_feed(WatchLines *lines, const char *data, size_t len, Err *err);

/* The stream ended. A last line that was cut off is no news, since it comes again; one that is
 * whole and merely lacks its newline counts. Returns as watch_lines_feed. */
int watch_lines_end(WatchLines *lines, Err *err);

#endif
