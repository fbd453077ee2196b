/* caractrl drain: empties a node of what can run elsewhere, and waits until it is empty.
 *
 * The server does it, whether anyone waits or not; this asks how far it has come. */
#include "api.h"
#include "cara/mem.h"
#include "cara/time.h"
#include "command.h"
#include "drain.h"
#include "json_at.h"
#include "listing.h"
#include "live.h"
#include "print.h"
#include "resource.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define POLL_FIRST_MS  100
#define POLL_LAST_MS   2000
#define TIMEOUT_MAX_MS (INT64_C(365) * 24 * 3600 * 1000)

static const Flag flags[] = {
    SELECTOR_FLAG,
    { "timeout", 0, "duration", "5m", false, "how long to wait until it is empty; 0 for ever",
      NULL },
    { "dry-run", 0, NULL, NULL, false, "only tell what would leave and what would stay, and why",
      NULL },
    { .name = NULL },
};

typedef struct Drain {
    Ctl *ctl;
    const char *node;
    const char *timeout; /* as it was given */
    char *path;          /* owned */
    json_t *status;      /* owned: the last answer */
    int64_t start;
    int64_t deadline;   /* INT64_MAX for none; both in monotonic milliseconds */
    bool talks;         /* lines for people, as it goes */
    bool shows_line;    /* the last line on the terminal is the progress, to be written over */
    bool server_is_out; /* the last call failed, and that was told */
} Drain;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* The second Ctrl-C ends it whatever it is doing. */
static void catch_interrupt(void)
{
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };

    sigaction(SIGINT, &action, NULL);
}

static void drain_done(Drain *d)
{
    json_decref(d->status);
    free(d->path);
}

/* ---- what people see ------------------------------------------------------------------------- */

static void wipe_line(Drain *d)
{
    if (d->shows_line)
        buf_add_str(&d->ctl->out, "\r\033[K");
    d->shows_line = false;
}

/* The news, and on a terminal the state of things below them. */
static int show(Drain *d, const json_t *before, Err *err)
{
    if (!d->talks)
        return 0;
    wipe_line(d);
    drain_print_changes(before, d->status, &d->ctl->out);
    if (d->ctl->live) {
        int64_t seconds = (time_monotonic_ms() - d->start) / 1000;
        drain_print_line(d->status, seconds, live_columns(), &d->ctl->out);
        d->shows_line = true;
    }
    return ctl_flush(d->ctl, err);
}

/* The last word: for programs the status as it is, for people nothing but what was said. */
static void finish(Drain *d)
{
    wipe_line(d);
    if (d->ctl->output == OUTPUT_NAME)
        buf_printf(&d->ctl->out, "node/%s\n", d->node);
    else
        print_data(d->status, d->ctl->output, &d->ctl->out);
}

static size_t count_there(const json_t *status)
{
    return json_array_size(json_at(status, "leaving")) +
           json_array_size(json_at(status, "staying"));
}

/* ---- how it ends ----------------------------------------------------------------------------- */

static int fail(Drain *d, const char *what, Err *err)
{
    d->ctl->failures++; /* what was found out is shown all the same */
    finish(d);
    return err_set(err, ERR_CONFLICT, "drain node \"%.253s\": %s", d->node, what);
}

static int fail_stuck(Drain *d, Err *err)
{
    _cleanup_(buf_done) Buf what = { .max = 700 };

    drain_add_count(json_array_size(json_at(d->status, "staying")), &what);
    buf_add_str(&what, " cannot move (");
    drain_add_names(d->status, &what);
    buf_printf(
        &what,
        "); the node keeps draining, and they leave once there is a place for them: caractrl "
        "why PROJECT tells what it takes, caractrl uncordon %.100s cancels",
        d->node);
    return fail(d, buf_str(&what), err);
}

static int fail_late(Drain *d, Err *err)
{
    const char *cause = d->server_is_out ? ", and cara-server does not answer" : "";
    _cleanup_(buf_done) Buf what = { .max = 700 };

    drain_add_count(count_there(d->status), &what);
    buf_printf(&what, " still there after %.32s%s (", d->timeout, cause);
    drain_add_names(d->status, &what);
    buf_printf(&what,
               "); the node keeps draining: caractrl drain %.100s waits again, caractrl uncordon "
               "%.100s cancels",
               d->node, d->node);
    return fail(d, buf_str(&what), err);
}

/* Says what becomes of the node, and dies of the signal as whoever started this expects. */
static void end_by_interrupt(Drain *d)
{
    wipe_line(d);
    ctl_flush(d->ctl, &(Err){ 0 });
    fprintf(stderr,
            "\nThe node keeps draining: caractrl drain %s waits again, caractrl uncordon %s "
            "cancels.\n",
            d->node, d->node);
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void wait_ms(int64_t ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

    nanosleep(&time, NULL); /* Ctrl-C ends it early */
}

/* One look. A server that is away for a while is told once, and asked again. */
static int look(Drain *d, Err *err)
{
    _cleanup_(json_decrefp) json_t *before = d->status;
    json_t *now = NULL;

    if (api_call(d->ctl, "GET", d->path, NULL, NULL, &now, err) < 0) {
        d->status = json_incref(before);
        if (!api_may_pass(err))
            return err_prefix(err, "drain node \"%.253s\"", d->node);
        if (!d->server_is_out && d->talks) {
            wipe_line(d);
            ctl_flush(d->ctl, &(Err){ 0 });
            err_prefix(err, "still waiting");
            ctl_print_warning(err->message);
        }
        d->server_is_out = true;
        err_clear(err);
        return 0;
    }
    d->server_is_out = false;
    d->status = now;
    return show(d, before, err);
}

static bool is_stuck(const Drain *d)
{
    return !d->server_is_out && json_array_size(json_at(d->status, "leaving")) == 0 &&
           json_array_size(json_at(d->status, "staying")) > 0;
}

static int wait_until_empty(Drain *d, Err *err)
{
    int64_t pause = POLL_FIRST_MS;

    while (!json_is_true_at(d->status, "done")) {
        int64_t left = d->deadline - time_monotonic_ms();
        if (interrupted)
            end_by_interrupt(d);
        if (!json_is_true_at(d->status, "draining"))
            return fail(d, "it was cancelled: someone uncordoned the node", err);
        if (is_stuck(d))
            return fail_stuck(d, err);
        if (left <= 0)
            return fail_late(d, err);
        wait_ms(pause < left ? pause : left);
        pause = pause * 3 / 2 < POLL_LAST_MS ? pause * 3 / 2 : POLL_LAST_MS;
        if (!interrupted && look(d, err) < 0)
            return -1;
    }
    finish(d);
    if (d->talks)
        buf_printf(&d->ctl->out, "node/%s drained\n", d->node);
    return 0;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int forecast(Drain *d, Err *err)
{
    _cleanup_(mem_freep) char *path = mem_printf("%s?dryRun=true", d->path);

    if (api_call(d->ctl, "POST", path, NULL, NULL, &d->status, err) < 0)
        return err_prefix(err, "drain node \"%.253s\"", d->node);
    size_t leaving = json_array_size(json_at(d->status, "leaving"));
    size_t staying = json_array_size(json_at(d->status, "staying"));
    if (!d->talks) {
        finish(d);
    } else {
        drain_print_forecast(d->status, &d->ctl->out);
        buf_printf(&d->ctl->out, "node/%s: %zu would leave, %zu would stay. Nothing was changed.\n",
                   d->node, leaving, staying);
    }
    d->ctl->failures += staying > 0;
    return 0;
}

static int drain(Drain *d, Err *err)
{
    catch_interrupt();
    if (api_call(d->ctl, "POST", d->path, NULL, NULL, &d->status, err) < 0)
        return err_prefix(err, "drain node \"%.253s\"", d->node);
    if (d->talks) {
        buf_printf(&d->ctl->out, "node/%s cordoned, draining: ", d->node);
        drain_add_count(count_there(d->status), &d->ctl->out);
        buf_add_str(&d->ctl->out, " there\n");
    }
    if (show(d, NULL, err) < 0)
        return -1;
    return wait_until_empty(d, err);
}

static int drain_node(Ctl *ctl, const CommandLine *line, const char *name, int64_t start,
                      int64_t timeout, Err *err)
{
    _cleanup_(drain_done) Drain d = {
        .ctl = ctl,
        .node = name,
        .timeout = command_line_value(line, "timeout"),
        .talks = ctl->output == OUTPUT_TABLE || ctl->output == OUTPUT_WIDE,
        .start = start,
        .deadline = INT64_MAX,
    };
    _cleanup_(mem_freep) char *item = api_item_path(resource_node.path, d.node);

    d.path = mem_printf("%s/drain", item);
    if (timeout > 0 && timeout < TIMEOUT_MAX_MS)
        d.deadline = d.start + timeout;
    if (timeout > 0 && timeout < ctl->timeout_ms)
        ctl->timeout_ms = (int)timeout;
    return command_line_is_set(line, "dry-run") ? forecast(&d, err) : drain(&d, err);
}

/* Of several, all are closed before the first is emptied: what leaves one must not go to the next.
 */
static int close_all(Ctl *ctl, const json_t *names, Err *err)
{
    size_t i;
    json_t *name;

    json_array_foreach (names, i, name) {
        _cleanup_(mem_freep) char *item =
            api_item_path(resource_node.path, json_string_value(name));
        _cleanup_(mem_freep) char *path = mem_printf("%s/cordon", item);
        if (api_call(ctl, "POST", path, NULL, NULL, NULL, err) < 0)
            return err_prefix(err, "cordon node \"%.253s\"", json_string_value(name));
    }
    return 0;
}

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(json_decrefp) json_t *names = NULL;
    int64_t start = time_monotonic_ms();
    int64_t timeout;
    size_t i;
    json_t *name;

    if (command_line_duration(line, "timeout", &timeout, err) < 0 ||
        listing_select(ctl, &resource_node, line, &names, err) < 0)
        return -1;
    if (json_array_size(names) == 1)
        return drain_node(ctl, line, json_string_value(json_array_get(names, 0)), start, timeout,
                          err);
    if (!command_line_is_set(line, "dry-run") && close_all(ctl, names, err) < 0)
        return -1;
    json_array_foreach (names, i, name) {
        if (drain_node(ctl, line, json_string_value(name), start, timeout, err) == 0)
            continue;
        ctl_tell_failure(ctl, err);
    }
    return 0;
}

extern const Command cmd_drain;
const Command cmd_drain = {
    .path = "drain",
    .args = "NODE",
    .brief = "Empty a node of what can run elsewhere, and wait until it is",
    .flags = flags,
    .min_args = 1,
    .max_args = 1,
    .selects = true,
    .complete = COMPLETE_NODES,
    .run = run,
};
