#include "lookup.h"

#include "cara/http.h"
#include "cara/mem.h"
#include "cara/names.h"
#include "docker.h"
#include "httpd_call.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct Lookup {
    EngineCall *call;
    const char *project;
    const char *service;
    LookupDone done;
    void *arg;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : "";
}

static bool is_named(const json_t *container, const char *project, const char *service)
{
    _cleanup_(mem_freep) char *name = mem_printf("/%s-%s", project, service);
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(container, "Names"), i, item)
        if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
            return true;
    return false;
}

/* The address in the project's own network, else any. */
static const char *address_of(const json_t *container, const char *project)
{
    const json_t *networks =
        json_object_get(json_object_get(container, "NetworkSettings"), "Networks");
    _cleanup_(mem_freep) char *own = mem_printf(NETWORK_PREFIX "%s", project);
    const char *address = text_of(json_object_get(networks, own), "IPAddress");
    const char *name;
    json_t *network;

    json_object_foreach ((json_t *)networks, name, network)
        if (*address == '\0')
            address = text_of(network, "IPAddress");
    return address;
}

bool lookup_pick(const char *json, size_t len, const char *project, const char *service,
                 LookupContainer *ret)
{
    json_t *list = json_loadb(json, len, 0, NULL);
    const json_t *best = NULL;
    int best_rank = -1;
    size_t i;
    json_t *item;

    json_array_foreach (list, i, item) {
        const json_t *labels = json_object_get(item, "Labels");
        if (strcmp(text_of(labels, LABEL_PROJECT), project) != 0 ||
            strcmp(text_of(labels, LABEL_SERVICE), service) != 0)
            continue;
        int rank =
            (strcmp(text_of(item, "State"), "running") == 0) * 2 + is_named(item, project, service);
        if (rank > best_rank) {
            best = item;
            best_rank = rank;
        }
    }
    if (best != NULL) {
        snprintf(ret->id, sizeof(ret->id), "%s", text_of(best, "Id"));
        snprintf(ret->address, sizeof(ret->address), "%s", address_of(best, project));
        snprintf(ret->state, sizeof(ret->state), "%s", text_of(best, "State"));
    }
    json_decref(list);
    return best != NULL;
}

static void on_answer(void *arg, const char *error, int status, const char *body, size_t len)
{
    Lookup *lookup = arg;
    LookupContainer found;
    char message[256];

    lookup->call = NULL;
    if (error == NULL && status != 200) {
        HttpReply reply = { .status = status, .body = (char *)body, .len = len };
        snprintf(message, sizeof(message), "%s", docker_message(&reply));
        error = message;
    }
    bool picked = error == NULL && lookup_pick(body, len, lookup->project, lookup->service, &found);
    lookup->done(lookup->arg, error, picked ? &found : NULL);
    free(lookup);
}

Lookup *lookup_start(const char *project, const char *service, LookupDone done, void *arg)
{
    Lookup *lookup = mem_alloc(sizeof(*lookup));
    json_t *filters = json_pack("{s:[o,o]}", "label", json_sprintf(LABEL_PROJECT "=%s", project),
                                json_sprintf(LABEL_SERVICE "=%s", service));
    _cleanup_(mem_freep) char *text = json_dumps(filters, JSON_COMPACT);
    _cleanup_(mem_freep) char *escaped = http_escape(text != NULL ? text : "{}");
    _cleanup_(mem_freep) char *path = mem_printf("/containers/json?all=1&filters=%s", escaped);
    EngineRequest request = { .method = "GET", .path = path };

    json_decref(filters);
    lookup->project = project;
    lookup->service = service;
    lookup->done = done;
    lookup->arg = arg;
    lookup->call = engine_call(&request, on_answer, lookup);
    return lookup;
}

void lookup_cancel(Lookup *lookup)
{
    if (lookup == NULL)
        return;
    engine_call_cancel(lookup->call);
    free(lookup);
}

void lookup_refuse(h2o_req_t *req, const char *project, const char *service, int status,
                   const char *error, const LookupContainer *found)
{
    const char *why = "container not running";

    if (found != NULL && strcmp(found->state, "paused") == 0)
        why = "container is paused";
    if (found == NULL) {
        status = 404;
        why = "container not found";
    }
    if (error != NULL) {
        status = 503;
        why = error;
    }
    httpd_answer_problem(req, status, "container %s-%s: %s", project, service, why);
}
