#include "exec_session.h"

#include "cara/backlog.h"
#include "cara/http.h"
#include "cara/websocket.h"
#include "frames.h"
#include "terminal.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define READ_MAX  (32 * 1024)
#define WRITE_MAX 4096 /* what a pipe that polls writable takes without blocking */

typedef struct Session {
    const ExecOptions *options;
    WebSocket *ws; /* owned */
    int fd;        /* owned */
    int signals;   /* owned */
    Frames frames;
    Backlog output[2]; /* for stdout and stderr; while one waits, nothing is read */
    bool stdin_open;
    bool through; /* the agent has said how it ended */
    int status;
    Err *err;
    bool failed;
} Session;

/* ---- words ----------------------------------------------------------------------------------- */

static void say(Session *s, json_t *word)
{
    char *text = json_dumps(word, JSON_COMPACT);

    if (text != NULL)
        websocket_send_text(s->ws, text, strlen(text));
    free(text);
    json_decref(word);
}

static int say_start(Session *s, Err *err)
{
    const char *term = getenv("TERM");
    json_t *command = json_array();
    int columns, rows;

    for (size_t i = 0; i < s->options->count; i++) {
        json_t *item = json_string(s->options->command[i]);
        if (item == NULL) {
            json_decref(command);
            return err_set(err, ERR_INVALID, "word %zu of the command is not UTF-8", i + 1);
        }
        json_array_append_new(command, item);
    }
    json_t *start = json_pack("{s:o,s:b,s:b}", "command", command, "stdin", s->options->has_stdin,
                              "tty", s->options->tty);
    if (s->options->tty && term != NULL)
        json_object_set_new(start, "term", json_string(term));
    if (s->options->tty && terminal_size(&columns, &rows)) {
        json_object_set_new(start, "columns", json_integer(columns));
        json_object_set_new(start, "rows", json_integer(rows));
    }
    say(s, json_pack("{s:o}", "start", start));
    return 0;
}

static void say_size(Session *s)
{
    int columns, rows;

    if (s->options->tty && terminal_size(&columns, &rows))
        say(s, json_pack("{s:{s:i,s:i}}", "resize", "columns", columns, "rows", rows));
}

static void fail(Session *s)
{
    s->failed = s->through = true;
}

static void on_text(void *arg, const char *text, size_t len)
{
    Session *s = arg;
    json_t *word = json_loadb(text, len, 0, NULL);
    const json_t *code = json_object_get(word, "exit");
    const json_t *problem = json_object_get(word, "problem");

    if (json_is_integer(code)) {
        s->status = (int)json_integer_value(code);
        s->through = true;
    } else if (problem != NULL) {
        char *body = json_dumps(problem, 0);
        HttpReply reply = { .body = body, .len = strlen(body) };
        http_problem(&reply, s->err);
        free(body);
        fail(s);
    }
    json_decref(word);
}

static void on_data(void *arg, const uint8_t *bytes, size_t len, bool starts)
{
    Session *s = arg;
    const char *data = (const char *)bytes;

    (void)starts;
    if (s->options->tty) {
        backlog_add(&s->output[0], data, len);
        return;
    }
    while (len > 0) {
        int stream;
        size_t piece;
        size_t n = frames_take(&s->frames, data, len, &stream, &piece);
        backlog_add(&s->output[stream == 2], data + n - piece, piece);
        data += n;
        len -= n;
    }
}

static const WebSocketEvents events = { .on_data = on_data, .on_text = on_text };

/* ---- our own ends ---------------------------------------------------------------------------- */

static void read_stdin(Session *s)
{
    char data[READ_MAX];
    ssize_t n = read(STDIN_FILENO, data, sizeof(data));

    if (n > 0) {
        websocket_send(s->ws, data, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        s->stdin_open = false;
        say(s, json_pack("{s:b}", "eof", 1));
    }
}

static void write_some(Session *s, Backlog *output, int fd)
{
    size_t len = backlog_len(output);
    ssize_t n = write(fd, output->data + output->start, len < WRITE_MAX ? len : WRITE_MAX);

    if (n >= 0) {
        output->start += (size_t)n;
    } else if (errno == EPIPE) { /* as other tools do */
        terminal_restore();
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    } else if (errno != EAGAIN && errno != EINTR) {
        err_set(s->err, ERR_SYSTEM, "write output: %s", strerror(errno));
        fail(s);
    }
    if (backlog_len(output) == 0)
        backlog_drop(output);
}

static void on_signal(Session *s)
{
    struct signalfd_siginfo info;

    if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH) {
        say_size(s);
    } else {
        s->status = 128 + (int)info.ssi_signo;
        s->through = true;
        backlog_drop(&s->output[0]);
        backlog_drop(&s->output[1]);
    }
}

static int catch_signals(Err *err)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : err_set(err, ERR_SYSTEM, "wait for signals: %s", strerror(errno));
}

/* ---- the loop -------------------------------------------------------------------------------- */

static int run_loop(Session *s)
{
    bool waits;

    while ((waits = backlog_len(&s->output[0]) + backlog_len(&s->output[1]) > 0) || !s->through) {
        bool sending = websocket_pending(s->ws) > 0;
        bool over = s->through || websocket_state(s->ws) != WEBSOCKET_OPEN;
        if (over && !waits && !s->through)
            return err_set(s->err, ERR_UNAVAILABLE, "the connection to the agent was lost");
        struct pollfd fds[] = {
            { .fd = s->signals, .events = POLLIN },
            { .fd = over ? -1 : s->fd,
              .events = (short)((waits ? 0 : POLLIN) | (sending ? POLLOUT : 0)) },
            { .fd = s->stdin_open && !sending && !over ? STDIN_FILENO : -1, .events = POLLIN },
            { .fd = backlog_len(&s->output[0]) > 0 ? STDOUT_FILENO : -1, .events = POLLOUT },
            { .fd = backlog_len(&s->output[1]) > 0 ? STDERR_FILENO : -1, .events = POLLOUT },
        };
        if (waits && !sending)
            fds[1].fd = -1; /* or its end would be told again and again */
        if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
            return err_set(s->err, ERR_SYSTEM, "wait: %s", strerror(errno));
        if (fds[0].revents != 0)
            on_signal(s);
        if (fds[3].revents != 0 && backlog_len(&s->output[0]) > 0)
            write_some(s, &s->output[0], STDOUT_FILENO);
        if (fds[4].revents != 0 && backlog_len(&s->output[1]) > 0)
            write_some(s, &s->output[1], STDERR_FILENO);
        if (fds[2].revents != 0)
            read_stdin(s);
        if (fds[1].revents & (POLLIN | POLLHUP | POLLERR) && !waits)
            websocket_read(s->ws);
        websocket_write(s->ws);
    }
    return s->failed ? -1 : 0;
}

static void session_done(Session *s)
{
    terminal_restore();
    websocket_free(s->ws);
    if (s->fd >= 0)
        close(s->fd);
    if (s->signals >= 0)
        close(s->signals);
    backlog_drop(&s->output[0]);
    backlog_drop(&s->output[1]);
}

int exec_session_run(const DialPlace *place, const ExecOptions *options, int *ret_status, Err *err)
{
    _cleanup_(session_done) Session s = {
        .options = options, .fd = -1, .signals = -1, .stdin_open = options->has_stdin, .err = err
    };
    _cleanup_(dial_freep) Dial *dial = dial_new(place);
    bool agreed;
    const char *early;
    size_t len;

    if (dial_wait(dial, err) < 0)
        return -1;
    s.fd = dial_take(dial, &agreed, &early, &len);
    if (!agreed)
        return err_set(err, ERR_HTTP, "the agent at %s cannot run commands: is it up to date?",
                       place->text);
    s.ws = websocket_new(s.fd, false, &events, &s);
    s.signals = catch_signals(err);
    if (s.signals < 0 || say_start(&s, err) < 0 || (options->tty && terminal_make_raw(err) < 0))
        return -1;
    websocket_feed(s.ws, early, len);
    websocket_write(s.ws);
    if (run_loop(&s) < 0)
        return -1;
    *ret_status = s.status;
    return 0;
}
