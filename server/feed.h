/* What one query of one kind sees change, as a chain of blocks that all its watchers share: the log
 * is read once for all of them (by the hub). A watcher is a member with a place in the chain. */
#ifndef CARA_SERVER_FEED_H
#define CARA_SERVER_FEED_H

#include "block.h"

#include <h2o.h>
#include <libpq-fe.h>

#define FEEDS_MAX 256

typedef struct Feed Feed;
typedef struct Feeds Feeds;

typedef struct FeedMember {
    h2o_linklist_t link; /* the feed's */
    Feed *feed;          /* NULL while not a member */
    Block *next;         /* to be sent next, with a reference; NULL when all was sent */
    int64_t skip;        /* up to this position it has everything already */
    void (*more)(struct FeedMember *self); /* there is something to send */
    /* It cannot go on: SQLSTATE and why. It is no longer a member. */
    void (*broken)(struct FeedMember *self, const char *sqlstate, const char *why);
} FeedMember;

/* `max_behind`: bytes that a member may be behind before it is broken with SR410. `dirty` is called
 * when a feed has to be read. */
Feeds *feeds_new(size_t max_behind, void (*dirty)(void *arg), void *arg);
void feeds_free(Feeds *feeds);

/* Joins the feed of that query, so that the member gets what changed after the position. 1: joined.
 * 0: the feed is further and no longer has what is missing. -1: too many feeds. With `make` it is
 * made when there is none: query and position must have been good for api.watch_read. Without, 0
 * also says that there is none, or none that far. */
int feeds_join(Feeds *feeds, FeedMember *member, const char *kind, const char *query,
               int64_t position, bool make);

/* Does nothing for one that is no member. */
void feeds_leave(FeedMember *member);

/* The next piece for the member; *ret_hold is what keeps it in memory, the caller's to unref.
 * Bookmarks are left out unless wanted. False when there is none. */
bool feeds_take(FeedMember *member, bool bookmarks, const char **ret_data, size_t *ret_len,
                Block **ret_hold);

/* ---- for the hub ---- */

size_t feeds_count(const Feeds *feeds);

/* A feed that is not as far as that position and may be read at this moment, or NULL; then *ret_at
 * is when one may be (INT64_MAX: none is behind). */
Feed *feeds_behind(Feeds *feeds, int64_t position, int64_t now_ms, int64_t *ret_at);

/* When the first feed may be read again; INT64_MAX without feeds. */
int64_t feeds_readable_at(const Feeds *feeds);

/* The arguments of api.watch_read. */
const char *feed_kind(const Feed *feed);
const char *feed_query(const Feed *feed);
int64_t feed_position(const Feed *feed);
int feed_limit(const Feed *feed);

/* While it is read it stays, though all members leave. Release returns whether it is still there.
 */
void feed_hold(Feed *feed);
bool feed_release(Feed *feed);

/* It could not be read: not again before that. */
void feed_pause(Feed *feed, int64_t until_ms);

/* What api.watch_read(position, limit) gave: hands it to the members. Returns false when the rows
 * were not understood. */
bool feed_append(Feed *feed, const PGresult *rows, int64_t now_ms);

/* api.watch_read failed for good: all members are broken, the feed is gone. */
void feed_break(Feed *feed, const char *sqlstate, const char *why);

/* A bookmark at the end of each feed. */
void feeds_bookmark(Feeds *feeds);

/* The position in the last row of what api.watch_read and api.watch_start give; -1 without. */
int64_t feed_rows_position(const PGresult *rows);

/* How many rows to ask for next, so that an answer has about a mebibyte. */
int feed_next_limit(const PGresult *rows, int line, int last_limit);

#endif
