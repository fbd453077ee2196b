/* Reports on their way out: the latest of each project, whoever made it. A worker puts, the control
 * thread takes them in batches. What was delivered is remembered, so that nothing is said twice. */
#ifndef AGENT_OUTBOX_H
#define AGENT_OUTBOX_H

#include "report.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct Outbox Outbox;

typedef struct OutboxBatch {
    char **projects; /* owned */
    char **texts;
    size_t count;
} OutboxBatch;

/* wake is called, from any thread, when something is there to take. */
Outbox *outbox_new(void (*wake)(void *arg), void *arg);
void outbox_free(Outbox *outbox);

/* Takes over the report. */
void outbox_put(Outbox *outbox, Report *report);

/* Whether an undelivered report has a phase, and not just how far something has come. */
bool outbox_is_urgent(Outbox *outbox);

/* Up to max undelivered reports; false when there are none. */
bool outbox_take(Outbox *outbox, size_t max, OutboxBatch *ret);
void outbox_batch_done(OutboxBatch *batch);

/* That very text arrived (accepted or refused for good): not to be sent again. */
void outbox_delivered(Outbox *outbox, const char *project, const char *text, bool refused);

/* The other side may have forgotten: all is to be said again. */
void outbox_forget_all(Outbox *outbox);

/* The other side says `phase` where we said something else: say it again. */
void outbox_correct(Outbox *outbox, const char *project, const char *phase);

void outbox_drop(Outbox *outbox, const char *project);

#endif
