#include "feed.h"

#include "cara/mem.h"
#include "cara/time.h"

#include <stdlib.h>
#include <string.h>

#define RETAIN_BYTES    ((size_t)256 * 1024) /* kept for who comes back a moment later */
#define ALIVE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define ANSWER_BYTES    ((size_t)1024 * 1024)
#define LIMIT_FIRST     100
#define LIMIT_MAX       1000
#define GAP_MIN_MS      5 /* between two reads of one feed */
#define GAP_MAX_MS      40

struct Feed {
    h2o_linklist_t link;
    Feeds *feeds;
    const char *kind;
    char *query;
    int64_t position;
    int limit;
    int64_t not_before; /* ms: when it may be read again */
    Block *oldest;      /* with a reference; NULL while nothing was read */
    Block *newest;      /* not NULL when oldest is not */
    uint64_t end;       /* bytes in the chain so far */
    h2o_linklist_t members;
    size_t visiting; /* it is read, or its members are being told: it must not go */
};

struct Feeds {
    h2o_linklist_t list;
    size_t count;
    size_t alive; /* bytes of all blocks that are still needed */
    size_t max_behind;
    void (*dirty)(void *arg);
    void *arg;
};

Feeds *feeds_new(size_t max_behind, void (*dirty)(void *arg), void *arg)
{
    Feeds *feeds = mem_alloc(sizeof(*feeds));

    h2o_linklist_init_anchor(&feeds->list);
    feeds->max_behind = max_behind;
    feeds->dirty = dirty;
    feeds->arg = arg;
    return feeds;
}

static void feed_free(Feed *feed)
{
    h2o_linklist_unlink(&feed->link);
    feed->feeds->count--;
    block_unref(feed->oldest);
    free(feed->query);
    free(feed);
}

void feeds_free(Feeds *feeds)
{
    if (feeds == NULL)
        return;
    while (!h2o_linklist_is_empty(&feeds->list))
        feed_free(H2O_STRUCT_FROM_MEMBER(Feed, link, feeds->list.next));
    free(feeds);
}

/* ---- members ---- */

static Feed *find(Feeds *feeds, const char *kind, const char *query)
{
    for (h2o_linklist_t *node = feeds->list.next; node != &feeds->list; node = node->next) {
        Feed *feed = H2O_STRUCT_FROM_MEMBER(Feed, link, node);
        if (strcmp(feed->kind, kind) == 0 && strcmp(feed->query, query) == 0)
            return feed;
    }
    return NULL;
}

static Feed *make_feed(Feeds *feeds, const char *kind, const char *query, int64_t position)
{
    Feed *feed = mem_alloc(sizeof(*feed));

    *feed = (Feed){ .feeds = feeds,
                    .kind = kind,
                    .query = mem_strdup(query),
                    .position = position,
                    .limit = LIMIT_FIRST };
    h2o_linklist_init_anchor(&feed->members);
    h2o_linklist_insert(&feeds->list, &feed->link);
    feeds->count++;
    return feed;
}

/* The first block with something after the position; NULL when the chain does not reach back. */
static Block *place_of(const Feed *feed, int64_t position)
{
    Block *block = feed->oldest;

    if (block == NULL || block->from > position)
        return NULL;
    while (block != NULL && block->to <= position)
        block = block->next;
    return block;
}

int feeds_join(Feeds *feeds, FeedMember *member, const char *kind, const char *query,
               int64_t position, bool make)
{
    Feed *feed = find(feeds, kind, query);

    if (!make && (feed == NULL || feed->position < position))
        return 0;
    if (feed == NULL) {
        if (feeds->count >= FEEDS_MAX)
            return -1;
        feed = make_feed(feeds, kind, query, position);
    }
    Block *next = NULL;
    if (position < feed->position && (next = place_of(feed, position)) == NULL)
        return 0;
    member->feed = feed;
    member->next = block_ref(next);
    member->skip = position;
    member->link = (h2o_linklist_t){ 0 };
    h2o_linklist_insert(&feed->members, &member->link);
    feeds->dirty(feeds->arg);
    return 1;
}

static void leave(FeedMember *member)
{
    h2o_linklist_unlink(&member->link);
    block_unref(TAKE_PTR(member->next));
    member->feed = NULL;
}

void feeds_leave(FeedMember *member)
{
    Feed *feed = member->feed;

    if (feed == NULL)
        return;
    leave(member);
    if (h2o_linklist_is_empty(&feed->members) && feed->visiting == 0)
        feed_free(feed);
}

bool feeds_take(FeedMember *member, bool bookmarks, const char **ret_data, size_t *ret_len,
                Block **ret_hold)
{
    while (member->next != NULL) {
        Block *block = member->next;
        size_t skip = block->from < member->skip || block->to <= member->skip
                          ? block_skip(block, member->skip)
                          : 0;
        if (block->bookmark)
            skip = bookmarks && block->lines[0].id >= member->skip ? 0 : block->len;
        member->next = block_ref(block->next);
        if (skip == block->len) {
            block_unref(block);
            continue;
        }
        *ret_data = block->data + skip;
        *ret_len = block->len - skip;
        *ret_hold = block;
        return true;
    }
    return false;
}

/* ---- the chain ---- */

static void break_member(FeedMember *member, const char *sqlstate, const char *why)
{
    leave(member);
    member->broken(member, sqlstate, why);
}

static size_t behind_of(const Feed *feed, const FeedMember *member)
{
    return (size_t)(feed->end - member->next->start);
}

static void release_old(Feed *feed)
{
    while (feed->oldest != feed->newest && feed->end - feed->oldest->next->start > RETAIN_BYTES) {
        Block *old = feed->oldest;
        feed->oldest = block_ref(old->next);
        block_unref(old);
    }
}

/* A list that members may leave while it is walked: only the one that is visited does. */
static void tell_members(Feed *feed, Block *block)
{
    const Feeds *feeds = feed->feeds;
    size_t max = feeds->alive > ALIVE_MAX_BYTES ? RETAIN_BYTES : feeds->max_behind;

    feed->visiting++;
    for (h2o_linklist_t *node = feed->members.next; node != &feed->members;) {
        FeedMember *member = H2O_STRUCT_FROM_MEMBER(FeedMember, link, node);
        node = node->next;
        bool has_all = member->next == NULL; /* or the rest is under way: this may be any size */
        if (has_all)
            member->next = block_ref(block);
        if (!has_all && behind_of(feed, member) > max)
            break_member(member, "SR410",
                         "too slow: more changed than is kept for a watch; list again");
        else
            member->more(member);
    }
    feed->visiting--;
}

static void append_block(Feed *feed, Block *block)
{
    block->start = feed->end;
    feed->end += block->len;
    if (feed->oldest == NULL)
        feed->oldest = block;
    else
        feed->newest->next = block; /* the chain's reference */
    feed->newest = block;
    tell_members(feed, block);
    release_old(feed);
}

bool feed_append(Feed *feed, const PGresult *rows, int64_t now_ms)
{
    int64_t position = feed_rows_position(rows);

    if (position < feed->position)
        return false;
    Block *block = block_new(rows, 0, 1, feed->position, position, &feed->feeds->alive);
    feed->limit = feed_next_limit(rows, 1, feed->limit);
    feed->position = position;
    if (block != NULL)
        append_block(feed, block);
    else if (feed->newest != NULL) /* nothing of this feed changed: the chain reaches further */
        feed->newest->to = position;
    /* what takes long to hand out is read less often, in larger pieces */
    int64_t took = time_monotonic_ms() - now_ms;
    int64_t gap = took > GAP_MAX_MS ? GAP_MAX_MS : took < GAP_MIN_MS ? GAP_MIN_MS : took;
    feed->not_before = now_ms + took + gap;
    if (h2o_linklist_is_empty(&feed->members))
        feed_free(feed);
    return true;
}

void feed_break(Feed *feed, const char *sqlstate, const char *why)
{
    feed->visiting++;
    while (!h2o_linklist_is_empty(&feed->members))
        break_member(H2O_STRUCT_FROM_MEMBER(FeedMember, link, feed->members.next), sqlstate, why);
    feed_free(feed);
}

void feeds_bookmark(Feeds *feeds)
{
    for (h2o_linklist_t *node = feeds->list.next; node != &feeds->list;) {
        Feed *feed = H2O_STRUCT_FROM_MEMBER(Feed, link, node);
        node = node->next;
        append_block(feed, block_new_bookmark(feed->kind, feed->position, &feeds->alive));
        if (h2o_linklist_is_empty(&feed->members))
            feed_free(feed);
    }
}

/* ---- for the hub ---- */

size_t feeds_count(const Feeds *feeds)
{
    return feeds->count;
}

Feed *feeds_behind(Feeds *feeds, int64_t position, int64_t now_ms, int64_t *ret_at)
{
    *ret_at = INT64_MAX;
    for (h2o_linklist_t *node = feeds->list.next; node != &feeds->list; node = node->next) {
        Feed *feed = H2O_STRUCT_FROM_MEMBER(Feed, link, node);
        if (feed->position >= position)
            continue;
        if (feed->not_before <= now_ms) {
            h2o_linklist_unlink(&feed->link); /* to the end: each in its turn */
            h2o_linklist_insert(&feeds->list, &feed->link);
            return feed;
        }
        if (feed->not_before < *ret_at)
            *ret_at = feed->not_before;
    }
    return NULL;
}

int64_t feeds_readable_at(const Feeds *feeds)
{
    int64_t at = INT64_MAX;

    for (h2o_linklist_t *node = feeds->list.next; node != &feeds->list; node = node->next) {
        const Feed *feed = H2O_STRUCT_FROM_MEMBER(Feed, link, node);
        at = feed->not_before < at ? feed->not_before : at;
    }
    return at;
}

void feed_hold(Feed *feed)
{
    feed->visiting++;
}

bool feed_release(Feed *feed)
{
    feed->visiting--;
    if (!h2o_linklist_is_empty(&feed->members))
        return true;
    feed_free(feed);
    return false;
}

void feed_pause(Feed *feed, int64_t until_ms)
{
    feed->not_before = until_ms;
}

const char *feed_kind(const Feed *feed)
{
    return feed->kind;
}

const char *feed_query(const Feed *feed)
{
    return feed->query;
}

int64_t feed_position(const Feed *feed)
{
    return feed->position;
}

int feed_limit(const Feed *feed)
{
    return feed->limit;
}

int64_t feed_rows_position(const PGresult *rows)
{
    int last = PQntuples(rows) - 1;
    int line = PQnfields(rows) - 1;

    if (last < 0 || !PQgetisnull(rows, last, line) || PQgetisnull(rows, last, 0))
        return -1;
    return strtoll(PQgetvalue(rows, last, 0), NULL, 10);
}

int feed_next_limit(const PGresult *rows, int line, int last_limit)
{
    size_t bytes = 0;
    int count = PQntuples(rows) - 1;
    size_t most = (size_t)last_limit * 4; /* the next ones may be larger */

    if (count <= 0) { /* nothing that weighs: back from where large ones had led */
        int back = most < LIMIT_FIRST ? (int)most : LIMIT_FIRST;
        return last_limit > back ? last_limit : back;
    }
    for (int row = 0; row < count; row++)
        bytes += (size_t)PQgetlength(rows, row, line);
    size_t fits = ANSWER_BYTES / (bytes / (size_t)count + 1);
    fits = fits < most ? fits : most;
    return fits < 1 ? 1 : fits > LIMIT_MAX ? LIMIT_MAX : (int)fits;
}
