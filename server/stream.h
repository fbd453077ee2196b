/* An answer that stays open: pieces leave one after the other, for as long as both sides want.
 * While nothing is under way it costs a few kilobytes, whatever the client had sent. */
#ifndef CARA_SERVER_STREAM_H
#define CARA_SERVER_STREAM_H

#include <h2o.h>
#include <stdbool.h>

typedef struct Stream Stream;

typedef struct StreamOwner {
    /* What stream_send was given has left: its memory may go, and more may follow. */
    void (*sent)(void *arg);
    /* The client has left or all has been said: the stream and its request are gone. Called once,
     * whoever ended it; never from within a call of this header. */
    void (*closed)(void *arg);
    void *arg;
} StreamOwner;

/* Sends the head: 200 with that content type. The stream lives in the request's pool. */
Stream *stream_open(h2o_req_t *req, const char *content_type, const StreamOwner *owner);

/* Whether something is under way, the head included. */
bool stream_is_busy(const Stream *stream);

/* Not while busy, nor after stream_end. The memory must stay until `sent` or `closed`. */
void stream_send(Stream *stream, const char *data, size_t len);

/* Ends the answer as it should end, after what is under way. */
void stream_end(Stream *stream);

/* Breaks it off: for a client that does not take what is under way. */
void stream_cut(Stream *stream);

#endif
