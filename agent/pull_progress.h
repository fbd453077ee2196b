/* How far a pull is, from the lines the engine tells of each layer. Pure. */
#ifndef AGENT_PULL_PROGRESS_H
#define AGENT_PULL_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>

typedef struct PullProgress {
    json_t *layers; /* owned: id -> {"total", "loaded", "unpacked"} in bytes */
    int percent;    /* -1 until a size is known; never falls, though layers turn up later */
} PullProgress;

void pull_progress_init(PullProgress *progress);
void pull_progress_done(PullProgress *progress);

/* Takes in a line; true when the percentage rose. A layer counts half when it is here, and whole
 * when it is unpacked. */
bool pull_progress_take(PullProgress *progress, const json_t *line);

#endif
