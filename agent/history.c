#include "history.h"

#include "cara/mem.h"

#include <string.h>

int64_t backoff_delay_ms(int attempts)
{
    int64_t delay = BACKOFF_FIRST_MS;

    for (int i = 0; i < attempts && delay < BACKOFF_MAX_MS; i++)
        delay *= 2;
    return delay < BACKOFF_MAX_MS ? delay : BACKOFF_MAX_MS;
}

void failure_clear(Failure *failure)
{
    free(failure->message);
    *failure = (Failure){ 0 };
}

void failure_record(Failure *failure, const char *reason, const char *message, int64_t now_ms)
{
    char *copy = mem_strdup(message); /* it may be the one freed below */

    free(failure->message);
    failure->message = copy;
    failure->reason = reason;
    failure->retry_at = now_ms + backoff_delay_ms(failure->attempts);
    failure->attempts++;
}

void history_begin(History *history, int64_t epoch, int64_t generation)
{
    if (history->epoch == epoch && history->generation == generation)
        return;
    history->epoch = epoch;
    history->generation = generation;
    failure_clear(&history->failure);
    for (size_t i = 0; i < history->count; i++) {
        failure_clear(&history->services[i].failure);
        history->services[i].crashes = 0;
    }
}

const ServiceHistory *history_find(const History *history, const char *service)
{
    for (size_t i = 0; i < history->count; i++)
        if (strcmp(history->services[i].service, service) == 0)
            return &history->services[i];
    return NULL;
}

ServiceHistory *history_service(History *history, const char *service, const char *config)
{
    ServiceHistory *found = (ServiceHistory *)(uintptr_t)history_find(history, service);

    if (found == NULL) {
        history->services = mem_grow(history->services, history->count + 1, sizeof(ServiceHistory));
        found = &history->services[history->count++];
        *found = (ServiceHistory){ .service = mem_strdup(service), .config = mem_strdup(config) };
    } else if (strcmp(found->config, config) != 0) {
        free(found->config);
        found->config = mem_strdup(config);
        found->pull = IMAGE_UNKNOWN;
        found->pull_ticket = 0;
        found->crashes = 0;
        found->ran = false;
        failure_clear(&found->failure);
    }
    return found;
}

void history_done(History *history)
{
    for (size_t i = 0; i < history->count; i++) {
        free(history->services[i].service);
        free(history->services[i].config);
        failure_clear(&history->services[i].failure);
    }
    free(history->services);
    failure_clear(&history->failure);
    *history = (History){ 0 };
}
