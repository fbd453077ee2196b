/* The agent's one decision, pure: what is wanted and what is there -> what to do next and what to
 * say.
 *
 * It is level-triggered. Nothing is remembered about steps under way: after any crash at any point
 * the same question gives the rest of the way. Steps are done in order; the first that fails ends
 * the round, and the next plan starts from what is there then. */
#ifndef AGENT_PLAN_H
#define AGENT_PLAN_H

#include "desired.h"
#include "history.h"
#include "observed.h"

/* A container without a health check that replaces another must stay up so long to be trusted. */
#define UPDATE_SETTLE_MS 2000

typedef enum StepKind {
    STEP_REMOVE_CONTAINER, /* stop within the grace period, then remove */
    STEP_REMOVE_NETWORK,
    STEP_REMOVE_VOLUME,
    STEP_CREATE_NETWORK,
    STEP_CREATE_VOLUME,
    STEP_PULL,   /* ask for it; it runs elsewhere and wakes the project when done */
    STEP_CREATE, /* under the final name, or beside the old one under the next name */
    STEP_STOP,
    STEP_START, /* the named container, or the one the step before created */
    STEP_RENAME /* from the next name to the final one */
} StepKind;

typedef struct Step {
    StepKind kind;
    const DesiredService *service; /* NULL for what belongs to no wanted service */
    const Container *container;    /* NULL for START after CREATE */
    const char *volume;            /* the engine's name, to remove */
    const DesiredVolume *create;   /* CREATE_VOLUME */
    bool next;                     /* CREATE, START: the next name */
    bool restart;                  /* START: counts as a restart after a crash */
} Step;

typedef enum OutcomeKind {
    OUTCOME_READY,
    OUTCOME_COMPLETED, /* exited 0 and is not to run again */
    OUTCOME_PROGRESSING,
    OUTCOME_UPDATING,      /* the old one serves meanwhile */
    OUTCOME_UPDATE_FAILED, /* the old one serves on */
    OUTCOME_EXITED,        /* exited 0 although it should run */
    OUTCOME_UNHEALTHY,
    OUTCOME_FAILED, /* pull, create or start was refused */
    OUTCOME_CRASHED,
} OutcomeKind;

typedef struct Outcome {
    const DesiredService *service;
    OutcomeKind kind;
    const Container *shown; /* what a report tells about; NULL: none there */
    bool pulling;
    bool missing;       /* there was one, up and good, and nobody asked for it to go */
    const char *reason; /* OUTCOME_FAILED */
    char *message;      /* owned: OUTCOME_FAILED, OUTCOME_UPDATE_FAILED */
} Outcome;

typedef struct Plan {
    Step *steps;
    size_t step_count;
    Outcome *outcomes; /* one a wanted service, in order */
    size_t outcome_count;
    const char *phase; /* NULL: under way, nothing to claim yet */
    const char *reason;
    char *message;   /* owned */
    int64_t wake_at; /* wall clock, ms: ask again then; INT64_MAX: only when something changes */
} Plan;

/* Points into what it was given: all of it must outlive the plan. */
void plan_make(const Desired *desired, const Observed *observed, const History *history,
               int64_t now_ms, Plan *ret);
void plan_done(Plan *plan);

const char *step_kind_word(StepKind kind);

/* Shared by the files of the plan. */
void plan_add_step(Plan *plan, Step step);
void plan_wake_at(Plan *plan, int64_t when_ms);
void plan_service(Plan *plan, const DesiredService *service, const Observed *observed,
                  const History *history, const char *uid, int64_t now_ms);
void plan_verdict(Plan *plan);

#endif
