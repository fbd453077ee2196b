#include "delete_wait.h"

#include "cara/mem.h"
#include "cara/time.h"
#include "condition.h"
#include "follow.h"
#include "json_at.h"
#include "listing.h"

#include <string.h>

#define TIMEOUT_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)

typedef struct DeleteWait {
    Ctl *ctl;
    const Resource *resource;
    json_t *open; /* owned: name -> the object as it was seen last */
} DeleteWait;

static void see_gone(DeleteWait *w, const char *name)
{
    if (w->ctl->output != OUTPUT_NAME)
        buf_printf(&w->ctl->out, "%s \"%s\" deleted\n", w->resource->singular, name);
    json_object_del(w->open, name);
}

static int result_so_far(DeleteWait *w, Err *err)
{
    if (ctl_flush(w->ctl, err) < 0)
        return -1;
    return json_object_size(w->open) == 0 ? FOLLOW_ENOUGH : FOLLOW_ON;
}

/* One of that name with a younger uid is another one: what was deleted is gone. */
static int on_list(void *arg, const json_t *items, Err *err)
{
    DeleteWait *w = arg;
    _cleanup_(json_decrefp) json_t *waited = json_copy(w->open);
    const char *name;
    size_t i;
    json_t *item;

    json_array_foreach (items, i, item)
        if (*json_text_at(item, "metadata.deletionTimestamp") != '\0')
            json_object_set(w->open, json_text_at(item, "metadata.name"), item);
    json_object_foreach (waited, name, item)
        if (json_is_null(json_object_get(w->open, name)))
            see_gone(w, name);
    return result_so_far(w, err);
}

static int on_change(void *arg, WatchType type, const json_t *object, Err *err)
{
    DeleteWait *w = arg;
    const char *name = json_text_at(object, "metadata.name");
    const json_t *before = json_object_get(w->open, name);

    if (before == NULL)
        return FOLLOW_ON;
    if (type == WATCH_DELETED ||
        strcmp(json_text_at(before, "metadata.uid"), json_text_at(object, "metadata.uid")) != 0)
        see_gone(w, name);
    else
        json_object_set_new(w->open, name, json_keep(object));
    return result_so_far(w, err);
}

static void tell_late(DeleteWait *w, const char *timeout, Err *err)
{
    const char *name;
    json_t *object;

    json_object_foreach (w->open, name, object) {
        _cleanup_(buf_done) Buf state = { .max = 4096 };
        _cleanup_(buf_done) Buf plain = { .max = 4096 };
        condition_describe(object, &state);
        print_styled(buf_str(&state), false, &plain);
        err_set(err, ERR_UNAVAILABLE,
                "delete %s \"%.253s\": still there after %.32s: %.500s; its deletion goes on",
                w->resource->singular, name, timeout, buf_str(&plain));
        ctl_tell_failure(w->ctl, err);
    }
}

int delete_wait(Ctl *ctl, const Resource *resource, const json_t *names, int64_t timeout_ms,
                const char *timeout, Err *err)
{
    _cleanup_(json_decrefp) json_t *open = json_object();
    DeleteWait w = { .ctl = ctl, .resource = resource, .open = open };
    size_t i;
    json_t *name;

    if (json_array_size(names) == 0)
        return 0;
    json_array_foreach (names, i, name)
        json_object_set_new(open, json_string_value(name), json_null());
    const char **words = listing_strings(names);
    size_t count = json_array_size(names);
    _cleanup_(mem_freep) char *path = listing_path(resource, NULL, words, count);
    ctl_on_interrupt("\nThe deletion goes on.\n", false);
    int64_t ms = timeout_ms > 0 && timeout_ms < TIMEOUT_MAX_MS ? timeout_ms : TIMEOUT_MAX_MS;
    Follow options = { .path = path,
                       .names = words,
                       .name_count = count,
                       .chunk = CHUNK_OBJECTS,
                       .deadline = time_monotonic_ms() + ms,
                       .patient = true,
                       .on_list = on_list,
                       .on_change = on_change,
                       .arg = &w };
    int result = follow(ctl, &options, err);
    free(words);
    if (result < 0)
        return err_prefix(err, "delete: the deletion goes on, but waiting failed");
    tell_late(&w, timeout, err);
    return 0;
}
