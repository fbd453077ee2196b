#include "logs.h"

#include "cara/mem.h"
#include "cara/time.h"
#include "client_watch.h"
#include "engine_stream.h"
#include "log_frames.h"
#include "lookup.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TAIL_DIGITS_MAX 9
#define FRAMED_TYPE     "application/vnd.docker.multiplexed-stream"
#define RAW_TYPE        "application/vnd.docker.raw-stream"

/* One answer under way. In the request's pool: when the request goes, it is disposed of. */
typedef struct LogAnswer {
    h2o_generator_t super;
    h2o_req_t *req;
    const char *project;
    const char *service;
    const char *parameters;
    Lookup *lookup; /* three steps: which container, whether it has a TTY, its logs */
    EngineCall *inspect;
    EngineStream *stream;
    LogFrames frames;
    char *piece;    /* being sent; owned */
    int refused;    /* the engine's status when it is not 200 */
    Buf refusal;    /* and its words */
    char chunk[20]; /* the head of the chunk that is being sent */
    bool chunked;
    bool accepts_frames;
    bool strip;
    bool started; /* the head has left */
    bool sending;
    bool ended; /* the stream is through; `error` tells how */
    const char *error;
} LogAnswer;

static size_t under_way;

/* ---- the request ---- */

static int add_tail(const char *tail, Buf *out, Err *err)
{
    size_t digits = strspn(tail, "0123456789");

    if (strcmp(tail, "all") != 0 &&
        (digits == 0 || digits > TAIL_DIGITS_MAX || tail[digits] != '\0'))
        return err_set(err, ERR_INVALID,
                       "invalid tail: \"%.64s\": must be \"all\" or a number of lines", tail);
    return buf_printf(out, "&tail=%s", tail);
}

/* A time span back from now, a time, or seconds since 1970 as the engine itself takes them. */
static int add_since(const char *since, int64_t now_ms, Buf *out, Err *err)
{
    int64_t ms = 0;
    int64_t seconds = 0;
    bool zero = false;
    size_t digits = strspn(since, "0123456789.");

    if (digits > 0 && digits <= 30 && since[digits] == '\0')
        return buf_printf(out, "&since=%s", since);
    if (time_parse_duration(since, &ms, NULL) == 0) {
        ms = ms < now_ms ? now_ms - ms : 0;
        return buf_printf(out, "&since=%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
    }
    if (time_parse_rfc3339(since, &seconds, &zero, NULL) == 0 && !zero && seconds >= 0) {
        const char *point = strchr(since, '.');
        size_t fraction = point != NULL ? strspn(point + 1, "0123456789") : 0;
        return buf_printf(out, "&since=%" PRId64 ".%.*s", seconds, (int)fraction,
                          point != NULL ? point + 1 : "");
    }
    return err_set(err, ERR_INVALID,
                   "invalid since: \"%.64s\": must be a duration (10m) or a time "
                   "(2006-01-02T15:04:05Z)",
                   since);
}

int logs_parameters(bool follow, bool timestamps, const char *tail, const char *since,
                    int64_t now_ms, Buf *out, Err *err)
{
    buf_printf(out, "stdout=1&stderr=1&follow=%d&timestamps=%d", follow, timestamps);
    if (tail != NULL && add_tail(tail, out, err) < 0)
        return -1;
    return since != NULL ? add_since(since, now_ms, out, err) : 0;
}

/* ---- the end ---- */

static void let_go(LogAnswer *answer)
{
    lookup_cancel(TAKE_PTR(answer->lookup));
    engine_call_cancel(TAKE_PTR(answer->inspect));
    engine_stream_close(TAKE_PTR(answer->stream));
}

static void dispose(void *p)
{
    LogAnswer *answer = p;

    let_go(answer);
    free(answer->piece);
    buf_done(&answer->refusal);
    under_way--;
}

/* Nobody listens: ends the answer, which closes the connection. */
static void on_client_gone(void *arg)
{
    LogAnswer *answer = arg;

    let_go(answer);
    if (!answer->started)
        return; /* the answer that comes finds the connection closed */
    client_watch_stop(answer->req);
    h2o_send(answer->req, NULL, 0, H2O_SEND_STATE_ERROR);
}

/* ---- what is sent ---- */

/* libh2o's own chunked encoding would keep the head back until there is something to send: a
 * container that is silent must not look like an agent that does not answer. */
static void pass_on(LogAnswer *answer, const char *data, size_t len, h2o_send_state_t state)
{
    h2o_iovec_t bufs[3];
    size_t count = 0;

    client_watch_stop(answer->req);
    answer->sending = true;
    if (answer->chunked && len > 0)
        bufs[count++] = h2o_iovec_init(
            answer->chunk, (size_t)snprintf(answer->chunk, sizeof(answer->chunk), "%zx\r\n", len));
    if (len > 0)
        bufs[count++] = h2o_iovec_init(data, len);
    if (answer->chunked && len > 0)
        bufs[count++] = h2o_iovec_init(H2O_STRLIT("\r\n"));
    else if (answer->chunked && state == H2O_SEND_STATE_FINAL)
        bufs[count++] = h2o_iovec_init(H2O_STRLIT("0\r\n\r\n"));
    h2o_send(answer->req, bufs, count, state);
}

static void finish(LogAnswer *answer)
{
    pass_on(answer, NULL, 0, answer->error != NULL ? H2O_SEND_STATE_ERROR : H2O_SEND_STATE_FINAL);
}

/* libh2o took what was sent: the engine may go on. */
static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    LogAnswer *answer = (LogAnswer *)generator;

    free(TAKE_PTR(answer->piece));
    answer->sending = false;
    if (answer->ended) {
        finish(answer);
        return;
    }
    client_watch_start(req, on_client_gone, answer);
    engine_stream_resume(answer->stream);
}

static void on_stop(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)req;
    let_go((LogAnswer *)generator);
}

static void start_answer(LogAnswer *answer)
{
    h2o_req_t *req = answer->req;
    const char *type = !answer->accepts_frames ? "text/plain; charset=utf-8"
                       : answer->strip         ? FRAMED_TYPE
                                               : RAW_TYPE;

    answer->strip = answer->strip && !answer->accepts_frames;
    answer->started = true;
    req->res.status = 200;
    req->res.reason = "OK";
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-content-type-options"), 0,
                          NULL, H2O_STRLIT("nosniff"));
    bool head_only = h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
    answer->chunked = req->version >= 0x101 && !head_only;
    if (req->version >= 0x101)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_TRANSFER_ENCODING, NULL,
                       H2O_STRLIT("chunked"));
    else
        req->http1_is_persistent = 0; /* the end of the answer is the end of the connection */
    answer->super = (h2o_generator_t){ .proceed = on_proceed, .stop = on_stop };
    h2o_start_response(req, &answer->super);
    if (head_only) {
        engine_stream_close(TAKE_PTR(answer->stream));
        finish(answer);
        return;
    }
    engine_stream_pause(answer->stream);
    pass_on(answer, NULL, 0, H2O_SEND_STATE_IN_PROGRESS);
}

/* ---- the engine ---- */

static void on_head(void *arg, int status)
{
    LogAnswer *answer = arg;

    if (status == 200)
        start_answer(answer);
    else
        answer->refused = status;
}

static void on_data(void *arg, const char *data, size_t len)
{
    LogAnswer *answer = arg;

    if (answer->refused != 0) {
        buf_add(&answer->refusal, data, len);
        return;
    }
    answer->piece = mem_alloc(len);
    if (answer->strip)
        len = log_frames_strip(&answer->frames, data, len, answer->piece);
    else
        memcpy(answer->piece, data, len);
    if (len == 0) {
        free(TAKE_PTR(answer->piece));
        return;
    }
    engine_stream_pause(answer->stream);
    pass_on(answer, answer->piece, len, H2O_SEND_STATE_IN_PROGRESS);
}

static void refuse(LogAnswer *answer, const char *error)
{
    json_t *said = json_loadb(buf_str(&answer->refusal), answer->refusal.len, 0, NULL);
    const char *message = json_string_value(json_object_get(said, "message"));

    if (error != NULL)
        httpd_answer_problem(answer->req, 503, "%s", error);
    else if (answer->refused == 404)
        httpd_answer_problem(answer->req, 404, "container %.253s/%.253s: container not found",
                             answer->project, answer->service);
    else
        httpd_answer_problem(answer->req, 502,
                             "container %.253s/%.253s: the engine has no logs: %s", answer->project,
                             answer->service, message != NULL ? message : "");
    json_decref(said);
}

static void on_end(void *arg, const char *error)
{
    LogAnswer *answer = arg;

    answer->stream = NULL;
    answer->ended = true;
    answer->error = error;
    if (!answer->started)
        refuse(answer, error);
    else if (!answer->sending)
        finish(answer);
}

static void on_inspected(void *arg, const char *error, int status, const char *body, size_t len)
{
    static const EngineStreamEvents events = {
        .on_head = on_head,
        .on_data = on_data,
        .on_end = on_end,
    };
    LogAnswer *answer = arg;

    answer->inspect = NULL;
    if (error != NULL || status != 200) {
        answer->refused = status;
        buf_add(&answer->refusal, body, len);
        refuse(answer, error);
        return;
    }
    json_t *inspect = json_loadb(body, len, 0, NULL);
    const char *id = json_string_value(json_object_get(inspect, "Id"));
    answer->strip = !json_is_true(json_object_get(json_object_get(inspect, "Config"), "Tty"));
    _cleanup_(mem_freep) char *path =
        mem_printf("/containers/%s/logs?%s", id != NULL ? id : "", answer->parameters);
    const EngineRequest request = { .method = "GET", .path = path };
    answer->stream = engine_stream_open(&request, &events, answer);
    json_decref(inspect);
}

static void on_found(void *arg, const char *error, const LookupContainer *found)
{
    LogAnswer *answer = arg;

    answer->lookup = NULL;
    if (found == NULL) {
        answer->refused = 404;
        refuse(answer, error);
        return;
    }
    _cleanup_(mem_freep) char *path = mem_printf("/containers/%s/json", found->id);
    const EngineRequest request = { .method = "GET", .path = path };
    answer->inspect = engine_call(&request, on_inspected, answer);
}

/* ---- the handler ---- */

static bool wants_frames(const h2o_req_t *req)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_ACCEPT, -1);

    return at >= 0 &&
           h2o_strstr(req->headers.entries[at].value.base, req->headers.entries[at].value.len,
                      H2O_STRLIT(FRAMED_TYPE)) != SIZE_MAX;
}

static int64_t wall_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void logs_answer(const HttpdCall *call)
{
    _cleanup_(buf_done) Buf parameters = { .max = 512 };
    h2o_req_t *req = call->req;
    Err err = { 0 };

    if (logs_parameters(httpd_query_bool(call, "follow"), httpd_query_bool(call, "timestamps"),
                        httpd_query(call, "tail"), httpd_query(call, "since"), wall_clock_ms(),
                        &parameters, &err) < 0) {
        httpd_answer_problem(req, 400, "%s", err.message);
        return;
    }
    if (under_way >= LOGS_AT_ONCE) {
        httpd_answer_problem(req, 503, "%d logs are being read from this node: try again",
                             LOGS_AT_ONCE);
        return;
    }
    LogAnswer *answer = h2o_mem_alloc_shared(&req->pool, sizeof(*answer), dispose);
    *answer = (LogAnswer){ .req = req,
                           .project = call->segments[0],
                           .service = call->segments[1],
                           .accepts_frames = wants_frames(req) };
    under_way++;
    buf_init(&answer->refusal, ENGINE_PIECE_MAX);
    answer->parameters = h2o_strdup(&req->pool, buf_str(&parameters), parameters.len).base;
    answer->lookup = lookup_start(answer->project, answer->service, on_found, answer);
}
