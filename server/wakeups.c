#include "wakeups.h"

#include "stream.h"

#include "cara/mem.h"
#include "cara/time.h"

#include <jansson.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#define KEEPALIVE_MS 15000
#define UNREAD_MS    30000
#define SPREAD_MS                                                                                  \
    2 /* a stream: so that those who lose theirs together do not come back together                \
       */
#define SPREAD_MIN 2000
#define SPREAD_MAX 30000
#define TEXT_SIZE  32

static const char wake_event[] = "event: wake\ndata: {}\n\n";

struct Wakeup {
    h2o_linklist_t link; /* of all, who was written to longest ago first */
    Wakeups *wakeups;
    struct Wakeup *other; /* of the same node: an older one that is ending, or one not yet open */
    char *node;
    Stream *stream; /* NULL while it is only expected */
    int64_t serial;
    bool told;    /* while it is only expected: `serial` is what the bus said last */
    bool pending; /* to be woken once what is under way has left */
    bool ending;
    int64_t written_ms;
    char still_here[TEXT_SIZE]; /* as it was last said */
};

struct Wakeups {
    h2o_linklist_t list;
    void *by_node; /* tsearch: the first of each node */
    size_t count;
};

Wakeups *wakeups_new(void)
{
    Wakeups *wakeups = mem_alloc(sizeof(*wakeups));

    h2o_linklist_init_anchor(&wakeups->list);
    return wakeups;
}

void wakeups_free(Wakeups *wakeups)
{
    free(wakeups);
}

size_t wakeups_count(const Wakeups *wakeups)
{
    return wakeups->count;
}

/* ---- by node ---- */

static int compare_nodes(const void *a, const void *b)
{
    return strcmp(((const Wakeup *)a)->node, ((const Wakeup *)b)->node);
}

static Wakeup **find(Wakeups *wakeups, const char *node)
{
    Wakeup wanted = { .node = (char *)node };

    return tfind(&wanted, &wakeups->by_node, compare_nodes);
}

static void add(Wakeups *wakeups, Wakeup *wakeup)
{
    Wakeup **slot = tsearch(wakeup, &wakeups->by_node, compare_nodes);

    if (*slot != wakeup) {
        wakeup->other = *slot;
        *slot = wakeup;
    }
    h2o_linklist_insert(&wakeups->list, &wakeup->link);
    wakeups->count++;
}

static void take_out(Wakeup *wakeup)
{
    Wakeup **slot = find(wakeup->wakeups, wakeup->node);

    if (*slot == wakeup && wakeup->other == NULL) {
        tdelete(wakeup, &wakeup->wakeups->by_node, compare_nodes);
    } else {
        while (*slot != wakeup)
            slot = &(*slot)->other;
        *slot = wakeup->other;
    }
    h2o_linklist_unlink(&wakeup->link);
    wakeup->wakeups->count--;
}

/* ---- one stream ---- */

static void say(Wakeup *wakeup, const char *what, size_t len)
{
    wakeup->written_ms = time_monotonic_ms();
    h2o_linklist_unlink(&wakeup->link);
    h2o_linklist_insert(&wakeup->wakeups->list, &wakeup->link);
    stream_send(wakeup->stream, what, len);
}

/* With it clients learn how long to wait, at random up to that, when they lose the stream. */
static void say_still_here(Wakeup *wakeup)
{
    size_t spread = wakeup->wakeups->count * SPREAD_MS;

    spread = spread < SPREAD_MIN ? SPREAD_MIN : spread > SPREAD_MAX ? SPREAD_MAX : spread;
    int len = snprintf(wakeup->still_here, TEXT_SIZE, ":\nretry: %zu\n\n", spread);
    say(wakeup, wakeup->still_here, (size_t)len);
}

static void wake(Wakeup *wakeup)
{
    if (wakeup->stream == NULL || wakeup->ending)
        return;
    if (stream_is_busy(wakeup->stream)) {
        wakeup->pending = true;
        return;
    }
    wakeup->pending = false;
    say(wakeup, wake_event, sizeof(wake_event) - 1);
}

static void end(Wakeup *wakeup)
{
    if (wakeup->ending)
        return;
    wakeup->ending = true;
    stream_end(wakeup->stream);
}

static void on_sent(void *arg)
{
    Wakeup *wakeup = arg;

    if (wakeup->written_ms == 0)
        say_still_here(wakeup);
    else if (wakeup->pending)
        wake(wakeup);
}

static void on_closed(void *arg)
{
    wakeups_forget(arg);
}

Wakeup *wakeups_expect(Wakeups *wakeups, const char *node)
{
    Wakeup *wakeup = mem_alloc(sizeof(*wakeup));

    wakeup->wakeups = wakeups;
    wakeup->node = mem_strdup(node);
    add(wakeups, wakeup);
    return wakeup;
}

void wakeups_forget(Wakeup *wakeup)
{
    take_out(wakeup);
    free(wakeup->node);
    free(wakeup);
}

bool wakeups_open(Wakeup *wakeup, h2o_req_t *req, int64_t serial)
{
    if (wakeup->told && (wakeup->serial == WAKEUPS_REVOKED || wakeup->serial > serial))
        return false;
    wakeup->serial = serial;
    for (Wakeup *other = *find(wakeup->wakeups, wakeup->node); other != NULL; other = other->other)
        if (other->stream != NULL)
            end(other);
    wakeup->stream =
        stream_open(req, "text/event-stream",
                    &(StreamOwner){ .sent = on_sent, .closed = on_closed, .arg = wakeup });
    return true;
}

/* ---- all of them ---- */

void wakeups_wake(Wakeups *wakeups, const char *node)
{
    Wakeup **first = find(wakeups, node);

    for (Wakeup *wakeup = first != NULL ? *first : NULL; wakeup != NULL; wakeup = wakeup->other)
        wake(wakeup);
}

/* Calls one for each that is there now; each may go to the end of the list, none leaves it. */
static void for_each(Wakeups *wakeups, void (*one)(Wakeup *wakeup))
{
    size_t count = wakeups->count;

    for (h2o_linklist_t *node = wakeups->list.next; count > 0; count--) {
        Wakeup *wakeup = H2O_STRUCT_FROM_MEMBER(Wakeup, link, node);
        node = node->next;
        one(wakeup);
    }
}

void wakeups_wake_all(Wakeups *wakeups)
{
    for_each(wakeups, wake);
}

static void end_if_open(Wakeup *wakeup)
{
    if (wakeup->stream != NULL)
        end(wakeup);
}

void wakeups_end(Wakeups *wakeups)
{
    for_each(wakeups, end_if_open);
}

void wakeups_set_serial(Wakeups *wakeups, const char *node, int64_t serial)
{
    Wakeup **first = find(wakeups, node);

    for (Wakeup *wakeup = first != NULL ? *first : NULL; wakeup != NULL; wakeup = wakeup->other) {
        if (wakeup->stream == NULL) {
            wakeup->told = true;
            wakeup->serial = serial;
        } else if (wakeup->serial != serial) {
            end(wakeup);
        }
    }
}

char *wakeups_serials(const Wakeups *wakeups)
{
    json_t *serials = json_object();

    for (h2o_linklist_t *node = wakeups->list.next; node != &wakeups->list; node = node->next) {
        const Wakeup *wakeup = H2O_STRUCT_FROM_MEMBER(Wakeup, link, node);
        if (wakeup->stream != NULL && !wakeup->ending)
            json_object_set_new(serials, wakeup->node, json_integer(wakeup->serial));
    }
    char *text = json_dumps(serials, JSON_COMPACT);
    json_decref(serials);
    return text;
}

void wakeups_tick(Wakeups *wakeups, int64_t now_ms)
{
    size_t count = wakeups->count;

    for (h2o_linklist_t *node = wakeups->list.next; count > 0; count--) {
        Wakeup *wakeup = H2O_STRUCT_FROM_MEMBER(Wakeup, link, node);
        node = node->next;
        if (wakeup->stream == NULL || wakeup->written_ms == 0)
            continue;
        if (now_ms - wakeup->written_ms < KEEPALIVE_MS)
            break; /* the others were written to later */
        if (!stream_is_busy(wakeup->stream))
            say_still_here(wakeup);
        else if (now_ms - wakeup->written_ms > UNREAD_MS)
            stream_cut(wakeup->stream);
    }
}
