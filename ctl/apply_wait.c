#include "apply_wait.h"

#include "cara/mem.h"
#include "cara/names.h"
#include "cara/time.h"
#include "follow.h"
#include "json_at.h"
#include "listing.h"
#include "live.h"
#include "print.h"
#include "progress.h"
#include "resource.h"

#include <inttypes.h>
#include <string.h>

#define SETTLE_MS      1000 /* without a health check: many a crash is one at once */
#define TIMEOUT_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)

typedef struct ApplyWait {
    Ctl *ctl;
    const char *timeout; /* as it was given */
    int64_t start;
    bool talks;    /* lines for people, as it goes */
    json_t *open;  /* owned: name -> {generation, uid, result}, of those still waited for, and
                      {done, words} once they run but have not settled */
    json_t *words; /* owned: name -> what was said of it last */
    Live live;
    char *drawn; /* owned: what the live lines say */
} ApplyWait;

static void apply_wait_done(ApplyWait *w)
{
    json_decref(w->open);
    json_decref(w->words);
    free(w->drawn);
}

/* ---- what people see ------------------------------------------------------------------------- */

static void add_line(const char *name, const char *words, Buf *out)
{
    buf_add_str(out, "project/");
    print_clean(name, out);
    buf_printf(out, " %s", words);
}

/* On a terminal those under way are the last lines of it, with the time they take. */
static void draw(ApplyWait *w)
{
    _cleanup_(buf_done) Buf lines = { .max = CTL_OUTPUT_MAX };
    int64_t ms = time_monotonic_ms() - w->start;
    const char *name;
    json_t *result;

    if (!w->talks || !w->ctl->live)
        return;
    json_object_foreach (w->open, name, result) {
        const char *words = json_string_value(json_object_get(w->words, name));
        add_line(name, words != NULL ? words : "", &lines);
        if (ms >= 1000)
            buf_printf(&lines, STYLE_DIM "  %" PRId64 "s" STYLE_END, ms / 1000);
        buf_add_str(&lines, "\n");
    }
    if (w->live.rows > 0 && w->drawn != NULL && strcmp(w->drawn, buf_str(&lines)) == 0)
        return;
    live_draw(&w->live, w->ctl, buf_str(&lines));
    free(w->drawn);
    w->drawn = buf_take(&lines);
}

/* A line that stays. */
static void say(ApplyWait *w, const char *name, const char *words)
{
    if (!w->talks)
        return;
    live_wipe(&w->live, w->ctl);
    add_line(name, words, &w->ctl->out);
    buf_add_str(&w->ctl->out, "\n");
}

static void remember(ApplyWait *w, const char *name, const char *words)
{
    const char *before = json_string_value(json_object_get(w->words, name));

    if (before != NULL && strcmp(before, words) == 0)
        return;
    json_object_set_new(w->words, name, json_string(words));
    if (!w->ctl->live)
        say(w, name, words);
}

/* ---- one at a time --------------------------------------------------------------------------- */

/* `words` in plain text; what is under way on the terminal makes place for it first. */
static void fail(ApplyWait *w, const char *name, const char *words, Err *err)
{
    _cleanup_(buf_done) Buf plain = { .max = 4096 };

    print_styled(words, false, &plain);
    live_wipe(&w->live, w->ctl);
    ctl_flush(w->ctl, &(Err){ 0 });
    err_set(err, ERR_CONFLICT, "project \"%.253s\" %.700s", name, buf_str(&plain));
    ctl_tell_failure(w->ctl, err);
    json_object_del(w->open, name);
}

static void finish(ApplyWait *w, const char *name)
{
    const json_t *applied = json_object_get(w->open, name);
    _cleanup_(buf_done) Buf line = { .max = 4096 };

    buf_printf(&line, STYLE_GOOD "%s" STYLE_END, json_text_at(applied, "words"));
    if (strcmp(json_text_at(applied, "result.result"), "unchanged") != 0) {
        buf_add_str(&line, " in ");
        progress_add_duration(json_int_at(applied, "done"), &line);
    }
    say(w, name, buf_str(&line));
    json_object_del(w->open, name);
}

/* Do all its services say themselves whether they are well? */
static bool has_health(const json_t *object)
{
    size_t i;
    json_t *service;

    json_array_foreach (json_at(object, "spec.services"), i, service)
        if (json_object_get(service, "healthcheck") == NULL)
            return false;
    return true;
}

/* It runs. What ran before anyone applied, or says that it is healthy, is done at once. */
static void see_running(ApplyWait *w, const char *name, const json_t *object, const char *words)
{
    json_t *applied = json_object_get(w->open, name);
    bool ran_before = json_object_get(w->words, name) == NULL &&
                      strcmp(json_text_at(applied, "result.result"), "unchanged") == 0;

    if (json_object_get(applied, "done") == NULL)
        json_object_set_new(applied, "done", json_integer(time_monotonic_ms() - w->start));
    json_object_set_new(applied, "words", json_string(words));
    if (ran_before || has_health(object))
        finish(w, name);
    else if (w->ctl->live)
        remember(w, name, words);
}

static void finish_settled(ApplyWait *w)
{
    size_t count;
    _cleanup_(json_decrefp) json_t *all = json_copy(w->open); /* has the names for longer */
    const char **names = json_sorted_keys(all, &count);
    int64_t now = time_monotonic_ms() - w->start;

    for (size_t i = 0; i < count; i++) {
        const json_t *done = json_object_get(json_object_get(all, names[i]), "done");
        if (done != NULL && now - json_integer_value(done) >= SETTLE_MS)
            finish(w, names[i]);
    }
    free(names);
}

static void look(ApplyWait *w, const char *name, const json_t *object, Err *err)
{
    json_t *applied = json_object_get(w->open, name);
    _cleanup_(buf_done) Buf words = { .max = 4096 };
    _cleanup_(buf_done) Buf reason = { .max = 5000 };

    if (object == NULL ||
        strcmp(json_text_at(object, "metadata.uid"), json_text_at(applied, "uid")) != 0) {
        fail(w, name, "was deleted by someone else", err);
        return;
    }
    json_object_set_new(json_object_get(applied, "result"), "object", json_keep(object));
    Progress progress =
        progress_of(object, json_int_at(applied, "generation"), w->ctl->live, &words);
    if (progress == PROGRESS_DONE) {
        see_running(w, name, object, buf_str(&words));
        return;
    }
    json_object_del(applied, "done");
    if (progress == PROGRESS_FAILED) {
        buf_printf(&reason, "cannot come up: %s", buf_str(&words));
        fail(w, name, buf_str(&reason), err);
    } else {
        remember(w, name, buf_str(&words));
    }
}

/* ---- what follow tells ----------------------------------------------------------------------- */

static int result_so_far(ApplyWait *w, Err *err)
{
    draw(w);
    if (ctl_flush(w->ctl, err) < 0)
        return -1;
    return json_object_size(w->open) == 0 ? FOLLOW_ENOUGH : FOLLOW_ON;
}

static int on_list(void *arg, const json_t *items, Err *err)
{
    ApplyWait *w = arg;
    _cleanup_(json_decrefp) json_t *there = json_object();
    size_t count;
    size_t i;
    json_t *item;

    json_array_foreach (items, i, item)
        json_object_set(there, json_text_at(item, "metadata.name"), item);
    _cleanup_(json_decrefp) json_t *all = json_copy(w->open); /* has the names for longer */
    const char **names = json_sorted_keys(all, &count);
    for (i = 0; i < count; i++)
        look(w, names[i], json_object_get(there, names[i]), err);
    free(names);
    return result_so_far(w, err);
}

static int on_change(void *arg, WatchType type, const json_t *object, Err *err)
{
    ApplyWait *w = arg;
    const char *name = json_text_at(object, "metadata.name");

    if (json_object_get(w->open, name) != NULL)
        look(w, name, type == WATCH_DELETED ? NULL : object, err);
    return result_so_far(w, err);
}

static int on_tick(void *arg, Err *err)
{
    finish_settled(arg);
    return result_so_far(arg, err);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void tell_late(ApplyWait *w, Err *err)
{
    size_t count;
    _cleanup_(json_decrefp) json_t *all = json_copy(w->open);
    const char **names = json_sorted_keys(all, &count);

    for (size_t i = 0; i < count; i++) {
        const json_t *object = json_at(json_object_get(all, names[i]), "result.object");
        if (json_at(json_object_get(all, names[i]), "done") != NULL) {
            finish(w, names[i]);
            continue;
        }
        const char *words = json_string_value(json_object_get(w->words, names[i]));
        bool waits = strcmp(json_text_at(object, "status.phase"), PHASE_PENDING) == 0;
        _cleanup_(buf_done) Buf late = { .max = 4096 };
        buf_printf(&late, "is not running after %s: %.500s", w->timeout,
                   words != NULL ? words : "");
        if (waits)
            buf_printf(&late, "; caractrl why %.100s tells what would help", names[i]);
        fail(w, names[i], buf_str(&late), err);
    }
    free(names);
}

static int wait_for_open(ApplyWait *w, int64_t timeout, Err *err)
{
    size_t count;
    _cleanup_(json_decrefp) json_t *all = json_copy(w->open); /* has the names for longer */
    const char **names = json_sorted_keys(all, &count);
    _cleanup_(mem_freep) char *path = listing_path(&resource_project, NULL, names, count);
    Follow options = { .path = path,
                       .names = names,
                       .name_count = count,
                       .chunk = CHUNK_OBJECTS,
                       .deadline = timeout > 0 ? w->start + timeout : INT64_MAX,
                       .patient = true,
                       .on_list = on_list,
                       .on_change = on_change,
                       .on_tick = on_tick,
                       .arg = w };

    int result = count == 0 ? FOLLOW_ENOUGH : follow(w->ctl, &options, err);
    free(names);
    return result;
}

int apply_wait(Ctl *ctl, json_t *results, int64_t start, int64_t timeout_ms, const char *timeout,
               Err *err)
{
    _cleanup_(apply_wait_done) ApplyWait w = {
        .ctl = ctl,
        .timeout = timeout,
        .start = start,
        .talks = ctl->output == OUTPUT_TABLE || ctl->output == OUTPUT_WIDE,
        .open = json_object(),
        .words = json_object(),
    };
    size_t i;
    json_t *result;

    json_array_foreach (results, i, result)
        if (strcmp(json_text_at(result, "kind"), resource_project.kind) == 0)
            json_object_set_new(
                w.open, json_text_at(result, "name"),
                json_pack("{s:I, s:s, s:O}", "generation",
                          (json_int_t)json_int_at(result, "object.metadata.generation"), "uid",
                          json_text_at(result, "object.metadata.uid"), "result", result));
    ctl_on_interrupt("\nWhat was applied stays so, and goes on coming up.\n", false);
    int ended = wait_for_open(&w, timeout_ms < TIMEOUT_MAX_MS ? timeout_ms : TIMEOUT_MAX_MS, err);
    if (ended < 0)
        return err_prefix(err, "apply: what was applied stays so, but waiting failed");
    tell_late(&w, err);
    return ctl_flush(ctl, err);
}
