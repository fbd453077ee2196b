/* What the agent remembers of a project between two looks at the engine: how often a service
 * crashed, what failed and when to try again, which pull is under way. Losing it (a restart of the
 * agent) costs at most an earlier retry. */
#ifndef AGENT_HISTORY_H
#define AGENT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS   300000
#define BACKOFF_RESET_MS 600000 /* so long up and a crash counts as the first again */

typedef enum PullState {
    IMAGE_UNKNOWN, /* assumed to be there until the engine says otherwise */
    IMAGE_MISSING,
    IMAGE_PULLING,
    IMAGE_PULLED,
} PullState;

typedef struct Failure {
    const char *reason; /* one of the REASON_ words; NULL: nothing failed */
    char *message;      /* owned */
    int attempts;
    int64_t retry_at; /* wall clock, ms */
} Failure;

typedef struct ServiceHistory {
    char *service;
    char *config; /* what the failure and the pull are about: another config starts afresh */
    PullState pull;
    uint64_t pull_ticket; /* of the pull under way */
    int pull_percent;     /* how far it is; -1 when that is not known */
    Failure failure;
    bool ran;     /* a container of this config was up and good: one must be there */
    int crashes;  /* in a row */
    int restarts; /* all there were */
} ServiceHistory;

typedef struct History {
    ServiceHistory *services;
    size_t count;
    Failure failure; /* of what belongs to no service: network, volumes, removal */
    int64_t epoch;   /* what all of it is about: whoever asks anew gets a new try at once */
    int64_t generation;
} History;

/* Forgets failures and crashes when something else is wanted than before. */
void history_begin(History *history, int64_t epoch, int64_t generation);

void history_done(History *history);

/* NULL when nothing is remembered. */
const ServiceHistory *history_find(const History *history, const char *service);

/* Made when missing; forgets failure and pull when `config` is another than before. */
ServiceHistory *history_service(History *history, const char *service, const char *config);

void failure_record(Failure *failure, const char *reason, const char *message, int64_t now_ms);
void failure_clear(Failure *failure);

/* 1 s, 2 s, 4 s … 5 min. */
int64_t backoff_delay_ms(int attempts);

#endif
