#include "outbox.h"

#include "cara/mem.h"

#include <pthread.h>
#include <string.h>

typedef struct Entry {
    char *project;
    const char *phase;
    char *latest;
    bool delivered;
    bool refused; /* and will be again: only another text is worth a try */
} Entry;

struct Outbox {
    pthread_mutex_t lock;
    void (*wake)(void *arg);
    void *arg;
    Entry *entries;
    size_t count;
};

Outbox *outbox_new(void (*wake)(void *arg), void *arg)
{
    Outbox *outbox = mem_alloc(sizeof(*outbox));

    pthread_mutex_init(&outbox->lock, NULL);
    outbox->wake = wake;
    outbox->arg = arg;
    return outbox;
}

static void entry_done(Entry *entry)
{
    free(entry->project);
    free(entry->latest);
}

void outbox_free(Outbox *outbox)
{
    if (outbox == NULL)
        return;
    for (size_t i = 0; i < outbox->count; i++)
        entry_done(&outbox->entries[i]);
    free(outbox->entries);
    pthread_mutex_destroy(&outbox->lock);
    free(outbox);
}

static Entry *find(Outbox *outbox, const char *project)
{
    for (size_t i = 0; i < outbox->count; i++)
        if (strcmp(outbox->entries[i].project, project) == 0)
            return &outbox->entries[i];
    return NULL;
}

void outbox_put(Outbox *outbox, Report *report)
{
    bool news = false;

    if (report->project == NULL)
        return;
    pthread_mutex_lock(&outbox->lock);
    Entry *entry = find(outbox, report->project);
    if (entry == NULL) {
        outbox->entries = mem_grow(outbox->entries, outbox->count + 1, sizeof(Entry));
        entry = &outbox->entries[outbox->count++];
        *entry = (Entry){ .project = mem_strdup(report->project) };
    }
    if (entry->latest == NULL || strcmp(entry->latest, report->text) != 0) {
        free(entry->latest);
        entry->latest = TAKE_PTR(report->text);
        entry->phase = report->phase;
        entry->delivered = false;
        entry->refused = false;
        news = true;
    }
    pthread_mutex_unlock(&outbox->lock);
    report_done(report);
    if (news)
        outbox->wake(outbox->arg);
}

bool outbox_is_urgent(Outbox *outbox)
{
    bool urgent = false;

    pthread_mutex_lock(&outbox->lock);
    for (size_t i = 0; i < outbox->count && !urgent; i++)
        urgent = !outbox->entries[i].delivered && outbox->entries[i].phase != NULL;
    pthread_mutex_unlock(&outbox->lock);
    return urgent;
}

bool outbox_take(Outbox *outbox, size_t max, OutboxBatch *ret)
{
    OutboxBatch batch = { 0 };

    pthread_mutex_lock(&outbox->lock);
    for (size_t i = 0; i < outbox->count && batch.count < max; i++) {
        if (outbox->entries[i].delivered)
            continue;
        batch.projects = mem_grow(batch.projects, batch.count + 1, sizeof(char *));
        batch.texts = mem_grow(batch.texts, batch.count + 1, sizeof(char *));
        batch.projects[batch.count] = mem_strdup(outbox->entries[i].project);
        batch.texts[batch.count++] = mem_strdup(outbox->entries[i].latest);
    }
    pthread_mutex_unlock(&outbox->lock);
    *ret = batch;
    return batch.count > 0;
}

void outbox_batch_done(OutboxBatch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free(batch->projects[i]);
        free(batch->texts[i]);
    }
    free(batch->projects);
    free(batch->texts);
    *batch = (OutboxBatch){ 0 };
}

void outbox_delivered(Outbox *outbox, const char *project, const char *text, bool refused)
{
    pthread_mutex_lock(&outbox->lock);
    Entry *entry = find(outbox, project);
    if (entry != NULL && strcmp(entry->latest, text) == 0) {
        entry->delivered = true;
        entry->refused = refused;
    }
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_forget_all(Outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    for (size_t i = 0; i < outbox->count; i++)
        outbox->entries[i].delivered = false;
    size_t count = outbox->count;
    pthread_mutex_unlock(&outbox->lock);
    if (count > 0)
        outbox->wake(outbox->arg);
}

void outbox_correct(Outbox *outbox, const char *project, const char *phase)
{
    bool again = false;

    pthread_mutex_lock(&outbox->lock);
    Entry *entry = find(outbox, project);
    if (entry != NULL && entry->delivered && !entry->refused && entry->phase != NULL &&
        phase[0] != '\0' && strcmp(entry->phase, phase) != 0) {
        entry->delivered = false;
        again = true;
    }
    pthread_mutex_unlock(&outbox->lock);
    if (again)
        outbox->wake(outbox->arg);
}

void outbox_drop(Outbox *outbox, const char *project)
{
    pthread_mutex_lock(&outbox->lock);
    Entry *entry = find(outbox, project);
    if (entry != NULL) {
        entry_done(entry);
        *entry = outbox->entries[--outbox->count];
    }
    pthread_mutex_unlock(&outbox->lock);
}
