#include "exec.h"

#include "cara/backlog.h"
#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/names.h"
#include "cara/problem.h"
#include "cara/websocket.h"
#include "docker.h"
#include "exec_words.h"
#include "hangup.h"
#include "httpd.h"
#include "lookup.h"
#include "upgrade.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SESSIONS_MAX     128
#define PENDING_MAX      (64 * 1024) /* either way; past it nothing more is read at the other end */
#define REFUSAL_MAX      4096
#define START_MAX_MS     10000 /* from the upgrade to the command */
#define INSPECT_AGAIN_MS 20
#define INSPECTIONS_MAX  250

#define CODE_NORMAL   1000
#define CODE_INTERNAL 1011

typedef struct Guard Guard;

typedef struct Exec {
    h2o_req_t *req;                /* until it is a WebSocket */
    Guard *guard;                  /* likewise */
    const char *project, *service; /* the request's */
    Lookup *lookup;
    char container[65];
    h2o_socket_t *client; /* owned */
    WebSocket *ws;        /* owned */
    EngineCall *call;     /* creating it, or asking how it ended */
    EngineCall *resizing;
    EngineStream *stream;
    char id[80]; /* the engine's name of it; "" before it is created */
    bool tty;
    bool runs;         /* the stream is raw */
    bool stdin_end;    /* no more comes from the client */
    bool closing;      /* the last word is said */
    bool shut;         /* and has left */
    int columns, rows; /* to be told to the engine; 0: nothing new */
    Backlog early;     /* stdin before there is where to put it */
    int refused;       /* the engine's status when it did not start */
    Buf refusal;       /* and its words */
    h2o_timeout_entry_t timer;
    int inspections;
} Exec;

/* Lives in the request's pool and frees the Exec with it, unless it has gone on by itself. */
struct Guard {
    Exec *exec;
};

static size_t session_count;

static h2o_timeout_t *timeout_of(unsigned milliseconds)
{
    static h2o_timeout_t start, again;
    h2o_timeout_t *timeout = milliseconds == START_MAX_MS ? &start : &again;

    if (timeout->timeout == 0)
        h2o_timeout_init(httpd_loop(), timeout, milliseconds);
    return timeout;
}

/* ---- how it ends ----------------------------------------------------------------------------- */

static void end_work(Exec *exec)
{
    if (exec->stream != NULL && exec->runs && exec->tty)
        hangup(exec->id, exec->container);
    lookup_cancel(TAKE_PTR(exec->lookup));
    engine_call_cancel(TAKE_PTR(exec->call));
    engine_call_cancel(TAKE_PTR(exec->resizing));
    engine_stream_close(TAKE_PTR(exec->stream));
    h2o_timeout_unlink(&exec->timer);
    backlog_drop(&exec->early);
    exec->closing = true;
}

static void exec_free(Exec *exec)
{
    end_work(exec);
    websocket_free(exec->ws);
    if (exec->client != NULL)
        h2o_socket_close(exec->client);
    buf_done(&exec->refusal);
    free(exec);
    session_count--;
}

static void say_last(Exec *exec, const char *text, size_t len, unsigned code)
{
    if (exec->closing)
        return;
    websocket_send_text(exec->ws, text, len);
    websocket_send_close(exec->ws, code, NULL);
    end_work(exec);
}

static void fail(Exec *exec, int status, const char *detail)
{
    _cleanup_(buf_done) Buf out = { .max = 8 * REFUSAL_MAX };

    buf_add_str(&out, "{\"problem\":");
    problem_write(&out, status, detail, NULL);
    buf_add_str(&out, "}");
    say_last(exec, buf_str(&out), out.len, CODE_INTERNAL);
}

static void say_exit(Exec *exec, json_int_t code)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "{\"exit\":%" JSON_INTEGER_FORMAT "}", code);

    say_last(exec, text, (size_t)len, CODE_NORMAL);
}

/* ---- the loop's side of the WebSocket -------------------------------------------------------- */

static void go_on(Exec *exec);

static void on_readable(h2o_socket_t *sock, const char *err)
{
    Exec *exec = sock->data;

    (void)err; /* shows itself again at the read */
    websocket_read(exec->ws);
    go_on(exec);
}

static void on_writable(h2o_socket_t *sock, const char *err)
{
    (void)err;
    go_on(sock->data);
}

/* Frees the exec when it is over. */
static void go_on(Exec *exec)
{
    websocket_write(exec->ws);
    size_t pending = websocket_pending(exec->ws);
    WebSocketState state = websocket_state(exec->ws);

    if (state == WEBSOCKET_GONE) {
        exec_free(exec);
        return;
    }
    if (state == WEBSOCKET_CLOSED)
        end_work(exec); /* by the peer: what waits is the answer to its last word */
    if (exec->closing && pending == 0 && !exec->shut) {
        shutdown(h2o_socket_get_fd(exec->client), SHUT_WR);
        exec->shut = true; /* the peer closes next */
    }
    if (exec->stream != NULL && pending > PENDING_MAX)
        engine_stream_pause(exec->stream);
    else if (exec->stream != NULL && pending == 0)
        engine_stream_resume(exec->stream);
    bool has_room = backlog_len(&exec->early) == 0 &&
                    (exec->stream == NULL || engine_stream_unwritten(exec->stream) < PENDING_MAX);
    if ((has_room && pending <= PENDING_MAX) || exec->shut)
        h2o_socket_read_start(exec->client, on_readable);
    else
        h2o_socket_read_stop(exec->client);
    if (pending > 0 && !h2o_socket_is_writing(exec->client))
        h2o_socket_notify_write(exec->client, on_writable);
}

/* ---- the engine's side ----------------------------------------------------------------------- */

static void inspect(Exec *exec);

static void on_timer(h2o_timeout_entry_t *entry)
{
    Exec *exec = H2O_STRUCT_FROM_MEMBER(Exec, timer, entry);

    if (exec->id[0] != '\0') {
        inspect(exec);
        return;
    }
    fail(exec, 400, "no command came within 10 s");
    go_on(exec);
}

static void start_timer(Exec *exec, unsigned milliseconds)
{
    exec->timer.cb = on_timer;
    h2o_timeout_link(httpd_loop(), timeout_of(milliseconds), &exec->timer);
}

static void on_inspected(void *arg, const char *error, int status, const char *body, size_t len)
{
    Exec *exec = arg;
    json_t *answer = error == NULL && status == 200 ? json_loadb(body, len, 0, NULL) : NULL;
    const json_t *code = json_object_get(answer, "ExitCode");

    exec->call = NULL;
    if (json_is_true(json_object_get(answer, "Running")) && exec->inspections < INSPECTIONS_MAX)
        start_timer(exec, INSPECT_AGAIN_MS); /* its output ends a moment before it does */
    else if (json_is_integer(code))
        say_exit(exec, json_integer_value(code));
    else
        fail(exec, 502, error != NULL ? error : "the Docker engine does not say how it ended");
    json_decref(answer);
    go_on(exec);
}

static void inspect(Exec *exec)
{
    _cleanup_(mem_freep) char *path = mem_printf("/exec/%s/json", exec->id);
    EngineRequest request = { .method = "GET", .path = path };

    exec->inspections++;
    exec->call = engine_call(&request, on_inspected, exec);
}

static void resize(Exec *exec);

static void on_resized(void *arg, const char *error, int status, const char *body, size_t len)
{
    Exec *exec = arg;

    (void)error; /* a window of the wrong size is no reason to end what runs in it */
    (void)status;
    (void)body;
    (void)len;
    exec->resizing = NULL;
    resize(exec);
}

/* One at a time, the newest size last. */
static void resize(Exec *exec)
{
    if (!exec->runs || !exec->tty || exec->resizing != NULL || exec->columns == 0)
        return;
    _cleanup_(mem_freep) char *path =
        mem_printf("/exec/%s/resize?h=%d&w=%d", exec->id, exec->rows, exec->columns);
    EngineRequest request = { .method = "POST", .path = path };
    exec->columns = exec->rows = 0;
    exec->resizing = engine_call(&request, on_resized, exec);
}

static void end_stdin(Exec *exec)
{
    exec->stdin_end = true;
    if (exec->runs && exec->stream != NULL)
        engine_stream_shutdown(exec->stream);
}

static void on_head(void *arg, int status)
{
    Exec *exec = arg;

    if (status != 101 && status != 200) {
        exec->refused = status;
        return;
    }
    exec->runs = true;
    if (backlog_len(&exec->early) > 0)
        engine_stream_write(exec->stream, exec->early.data + exec->early.start,
                            backlog_len(&exec->early));
    backlog_drop(&exec->early);
    if (exec->stdin_end)
        end_stdin(exec);
    resize(exec);
    go_on(exec);
}

static void on_output(void *arg, const char *data, size_t len)
{
    Exec *exec = arg;

    if (exec->refused != 0) {
        buf_add(&exec->refusal, data, len);
        return;
    }
    websocket_send(exec->ws, data, len);
    go_on(exec);
}

static void on_input_taken(void *arg)
{
    go_on(arg);
}

static const char *words_of(int status, const char *body, size_t len)
{
    HttpReply reply = { .status = status, .body = (char *)body, .len = len };

    return docker_message(&reply);
}

static void on_output_end(void *arg, const char *error)
{
    Exec *exec = arg;

    exec->stream = NULL;
    if (exec->refused != 0)
        fail(exec, exec->refused,
             words_of(exec->refused, buf_str(&exec->refusal), exec->refusal.len));
    else if (!exec->runs)
        fail(exec, 502, error != NULL ? error : "the Docker engine hung up");
    else
        inspect(exec);
    go_on(exec);
}

static const EngineStreamEvents stream_events = {
    .on_head = on_head,
    .on_data = on_output,
    .on_written = on_input_taken,
    .on_end = on_output_end,
};

static void on_created(void *arg, const char *error, int status, const char *body, size_t len)
{
    Exec *exec = arg;
    json_t *answer = error == NULL && status == 201 ? json_loadb(body, len, 0, NULL) : NULL;
    const char *id = json_string_value(json_object_get(answer, "Id"));

    exec->call = NULL;
    if (id == NULL) {
        fail(exec, error != NULL || status < 400 ? 502 : status,
             error != NULL ? error : words_of(status, body, len));
    } else {
        _cleanup_(mem_freep) char *path = mem_printf("/exec/%.64s/start", id);
        EngineRequest request = {
            .method = "POST",
            .path = path,
            .body =
                exec->tty ? "{\"Detach\":false,\"Tty\":true}" : "{\"Detach\":false,\"Tty\":false}",
            .hijack = true,
        };
        snprintf(exec->id, sizeof(exec->id), "%.64s", id);
        exec->stream = engine_stream_open(&request, &stream_events, exec);
    }
    json_decref(answer);
    go_on(exec);
}

/* ---- the client's words ---------------------------------------------------------------------- */

static void on_stdin(void *arg, const uint8_t *data, size_t len, bool starts)
{
    Exec *exec = arg;

    (void)starts;
    if (exec->stdin_end || exec->closing)
        return;
    if (!exec->runs)
        backlog_add(&exec->early, data, len);
    else if (exec->stream != NULL)
        engine_stream_write(exec->stream, (const char *)data, len);
}

static void start(Exec *exec, const ExecWord *word)
{
    _cleanup_(mem_freep) char *path = mem_printf("/containers/%s/exec", exec->container);
    EngineRequest request = { .method = "POST", .path = path, .body = word->body };

    h2o_timeout_unlink(&exec->timer);
    exec->tty = word->tty;
    exec->call = engine_call(&request, on_created, exec);
}

static void on_word(void *arg, const char *text, size_t len)
{
    Exec *exec = arg;
    _cleanup_(exec_word_done) ExecWord word = { 0 };
    bool started = exec->call != NULL || exec->id[0] != '\0';
    Err err = { 0 };

    if (exec->closing)
        return;
    if (exec_word_parse(text, len, &word, &err) < 0) {
        fail(exec, 400, err.message);
        return;
    }
    if (started == (word.kind == EXEC_START)) {
        fail(exec, 400, started ? "it has started already" : "start comes first");
        return;
    }
    if (word.columns > 0 && word.rows > 0) {
        exec->columns = word.columns;
        exec->rows = word.rows;
    }
    if (word.kind == EXEC_START)
        start(exec, &word);
    else if (word.kind == EXEC_RESIZE)
        resize(exec);
    else
        end_stdin(exec);
}

static const WebSocketEvents ws_events = { .on_data = on_stdin, .on_text = on_word };

/* ---- up to there ----------------------------------------------------------------------------- */

static void on_upgraded(void *arg, h2o_socket_t *sock, const char *early, size_t len)
{
    Exec *exec = arg;

    if (sock == NULL) {
        exec_free(exec);
        return;
    }
    exec->client = sock;
    sock->data = exec;
    exec->ws = websocket_new(h2o_socket_get_fd(sock), true, &ws_events, exec);
    start_timer(exec, START_MAX_MS);
    for (size_t n; len > 0; early += n, len -= n) {
        n = len < WEBSOCKET_READ_MAX ? len : WEBSOCKET_READ_MAX;
        websocket_feed(exec->ws, early, n);
    }
    go_on(exec);
}

static void on_found(void *arg, const char *error, const LookupContainer *found)
{
    Exec *exec = arg;
    h2o_req_t *req = exec->req;

    exec->lookup = NULL;
    if (error != NULL || found == NULL || strcmp(found->state, "running") != 0) {
        lookup_refuse(req, exec->project, exec->service, 409, error, found);
        return;
    }
    snprintf(exec->container, sizeof(exec->container), "%s", found->id);
    exec->guard->exec = NULL;
    exec->req = NULL;
    upgrade_start(req, EXEC_PROTOCOL, on_upgraded, exec);
}

static void on_request_gone(void *arg)
{
    Guard *guard = arg;

    if (guard->exec != NULL)
        exec_free(guard->exec);
}

void exec_answer(const HttpdCall *call)
{
    if (!upgrade_is_asked(call->req) || !upgrade_offers(call->req, EXEC_PROTOCOL)) {
        upgrade_refuse(call->req);
        return;
    }
    if (session_count >= SESSIONS_MAX) {
        httpd_answer_problem(call->req, 503, "this node runs %d commands already: end some",
                             SESSIONS_MAX);
        return;
    }
    Exec *exec = mem_alloc(sizeof(*exec));
    session_count++;
    buf_init(&exec->refusal, REFUSAL_MAX);
    exec->guard = h2o_mem_alloc_shared(&call->req->pool, sizeof(Guard), on_request_gone);
    exec->guard->exec = exec;
    exec->req = call->req;
    exec->project = call->segments[0];
    exec->service = call->segments[1];
    exec->lookup = lookup_start(exec->project, exec->service, on_found, exec);
}
