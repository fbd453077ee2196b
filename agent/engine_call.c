/* A request to the engine whose answer is short. */
#include "engine_stream.h"

#include "cara/buf.h"
#include "cara/mem.h"

#define ANSWER_MAX_MS 30000
#define ANSWER_MAX    (4 * 1024 * 1024)

struct EngineCall {
    EngineStream *stream;
    EngineAnswer answer;
    void *arg;
    int status;
    Buf body;
    h2o_timeout_entry_t patience;
};

void engine_call_cancel(EngineCall *call)
{
    if (call == NULL)
        return;
    engine_stream_close(call->stream);
    h2o_timeout_unlink(&call->patience);
    buf_done(&call->body);
    free(call);
}

static void finish(EngineCall *call, const char *error)
{
    call->answer(call->arg, error, call->status, buf_str(&call->body), call->body.len);
    engine_call_cancel(call);
}

static void on_head(void *arg, int status)
{
    EngineCall *call = arg;

    call->status = status;
}

static void on_data(void *arg, const char *data, size_t len)
{
    EngineCall *call = arg;

    if (buf_add(&call->body, data, len) < 0)
        finish(call, "the Docker engine's answer is too long");
}

static void on_end(void *arg, const char *error)
{
    EngineCall *call = arg;

    call->stream = NULL; /* ends by itself */
    finish(call, error);
}

static void on_timeout(h2o_timeout_entry_t *entry)
{
    finish(H2O_STRUCT_FROM_MEMBER(EngineCall, patience, entry),
           "the Docker engine does not answer");
}

EngineCall *engine_call(const EngineRequest *request, EngineAnswer answer, void *arg)
{
    static const EngineStreamEvents events = {
        .on_head = on_head,
        .on_data = on_data,
        .on_end = on_end,
    };
    static h2o_timeout_t patience;
    EngineCall *call = mem_alloc(sizeof(*call));

    call->answer = answer;
    call->arg = arg;
    call->patience.cb = on_timeout;
    buf_init(&call->body, ANSWER_MAX);
    call->stream = engine_stream_open(request, &events, call);
    if (patience.timeout == 0)
        h2o_timeout_init(engine_stream_loop(), &patience, ANSWER_MAX_MS);
    h2o_timeout_link(engine_stream_loop(), &patience, &call->patience);
    return call;
}
