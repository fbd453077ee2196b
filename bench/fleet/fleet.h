/* Thousands of simulated agents in one process and one thread. Each lives as cara-agent does
 * towards the control plane: it registers, takes a channel, beats, fetches what it is woken for,
 * reports it Running, and after any loss comes back with jitter. It has a connection for its
 * requests and one for its channel, as an agent has. There is no engine behind it. */
#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum Request { REGISTER, HEARTBEAT, CHANNEL, FETCH, REPORT, REQUEST_COUNT } Request;

extern const char *const request_words[REQUEST_COUNT];

typedef struct Counts {
    long answered[REQUEST_COUNT]; /* as hoped for */
    long refused[REQUEST_COUNT];  /* with another status */
    long lost[REQUEST_COUNT];     /* not answered: the connection ended, or never began */
    long unchanged;               /* of the fetches: 304 */
    long wakes;
    long losses; /* of channels */
} Counts;

typedef struct Fleet Fleet;

/* Starts the thread. Everything below may be called from any other. Agents beyond line_max share
 * the connections for requests. */
Fleet *fleet_new(const char *server_url, int line_max);

/* `count` more agents named PREFIXn, `per_second` of them starting each second. `kind` is what they
 * ask for, NULL for what the server picks. Returns the first one's index. */
int fleet_add(Fleet *fleet, const char *prefix, int count, const char *kind, double per_second);

/* How many have a channel open and have fetched since it opened. */
int fleet_settled(Fleet *fleet);
Counts fleet_counts(Fleet *fleet);

/* Ends the streams of all, all at once. */
void fleet_drop(Fleet *fleet);

/* Agents with a channel of kind postgres listen or do not (UNLISTEN). Returns when all do. */
void fleet_listen(Fleet *fleet, bool on);

/* Something that `agent` (-1: all) shall fetch is about to be committed: an answer with `mark` in
 * it, whose moment is taken. The time runs from here. */
void fleet_expect(Fleet *fleet, int agent, const char *mark);
int fleet_missing(Fleet *fleet); /* how many have not yet fetched what is expected of them */

/* How long it took those that have, in seconds; the caller frees. Forgets all that was expected. */
double *fleet_take(Fleet *fleet, size_t *ret_count);

double clock_now(void); /* monotonic, seconds */

#endif
