/* Requests to the Docker engine on the loop thread, for what docker.h's blocking calls cannot do:
 * answers without end (logs), and connections that go both ways (exec). What is read is handed on
 * at once and never piled up: whoever cannot take more pauses the stream, and the engine waits. */
#ifndef AGENT_ENGINE_STREAM_H
#define AGENT_ENGINE_STREAM_H

#include "cara/err.h"

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>

#define ENGINE_PIECE_MAX (32 * 1024) /* bytes of one on_data */

typedef struct EngineStream EngineStream;

/* All are called on the loop thread, never from within engine_stream_open(). Any may close the
 * stream. on_head, on_written may be NULL. */
typedef struct EngineStreamEvents {
    /* The head of the answer. With 101 (or to_hijack and 200) both directions are raw from here. */
    void (*on_head)(void *arg, int status);

    /* A piece of the body, for the time of the call. */
    void (*on_data)(void *arg, const char *data, size_t len);

    /* What was given to engine_stream_write() so far has left. */
    void (*on_written)(void *arg);

    /* The last call, not after engine_stream_close(): error is NULL when the answer came to its
     * end. The stream is gone when it returns. */
    void (*on_end)(void *arg, const char *error);
} EngineStreamEvents;

typedef struct EngineRequest {
    const char *method;
    const char *path; /* without the API's version, escaped: "/containers/ID/logs?stdout=1" */
    const char *body; /* JSON, or NULL */
    bool hijack;      /* asks for a raw connection: exec start */
} EngineRequest;

/* Once, before the first request. `docker_host` as in docker.h; `resolver` is the h2o context's
 * receivers.hostinfo_getaddr, for tcp:// with a name. */
int engine_stream_init(const char *docker_host, h2o_loop_t *loop,
                       h2o_multithread_receiver_t *resolver, Err *err);

h2o_loop_t *engine_stream_loop(void);

/* Never NULL. The strings are copied; `events` must outlive the stream. */
EngineStream *engine_stream_open(const EngineRequest *request, const EngineStreamEvents *events,
                                 void *arg);

/* Ends it: nothing is called any more. NULL is fine. */
void engine_stream_close(EngineStream *stream);

/* No on_data (and no end) until resumed; the engine is held back by its full socket. */
void engine_stream_pause(EngineStream *stream);
void engine_stream_resume(EngineStream *stream);

/* On a raw connection: the bytes are copied and leave in order. There is no limit here: stop
 * reading where they come from while engine_stream_unwritten() is more than you care to keep. */
void engine_stream_write(EngineStream *stream, const char *data, size_t len);
size_t engine_stream_unwritten(const EngineStream *stream);

/* Closes our direction once all has left; the other one goes on. */
void engine_stream_shutdown(EngineStream *stream);

/* ---- one answer as a whole (engine_call.c) ---- */

typedef struct EngineCall EngineCall;

/* `error` is NULL and the rest is the answer, for the time of the call; or there was none. */
typedef void (*EngineAnswer)(void *arg, const char *error, int status, const char *body,
                             size_t len);

/* Calls back once, within 30 s, unless it is cancelled. Answers past 4 MiB are an error. */
EngineCall *engine_call(const EngineRequest *request, EngineAnswer answer, void *arg);
void engine_call_cancel(EngineCall *call); /* NULL is fine */

#endif
