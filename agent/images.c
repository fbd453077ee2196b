#include "images.h"

#include <pthread.h>
#include <string.h>

#define CACHE_MAX 256

static struct {
    pthread_mutex_t lock;
    struct {
        char *id;
        char *digest;
    } entries[CACHE_MAX];
    size_t count;
    size_t oldest; /* the next to be replaced when all are taken */
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static char *lookup(const char *id)
{
    char *found = NULL;

    pthread_mutex_lock(&cache.lock);
    for (size_t i = 0; i < cache.count && found == NULL; i++)
        if (strcmp(cache.entries[i].id, id) == 0)
            found = mem_strdup(cache.entries[i].digest);
    pthread_mutex_unlock(&cache.lock);
    return found;
}

static void remember(const char *id, const char *digest)
{
    pthread_mutex_lock(&cache.lock);
    size_t slot = cache.count < CACHE_MAX ? cache.count++ : cache.oldest++ % CACHE_MAX;
    free(cache.entries[slot].id);
    free(cache.entries[slot].digest);
    cache.entries[slot].id = mem_strdup(id);
    cache.entries[slot].digest = mem_strdup(digest);
    pthread_mutex_unlock(&cache.lock);
}

void images_digest(Docker *docker, char **id)
{
    char *digest = lookup(*id);
    json_t *image = NULL;

    if (digest == NULL && docker_inspect_image(docker, *id, &image, NULL) == 0) {
        /* "registry:5000/demo@sha256:…" */
        const char *repo =
            json_string_value(json_array_get(json_object_get(image, "RepoDigests"), 0));
        const char *at = repo != NULL ? strchr(repo, '@') : NULL;
        digest = mem_strdup(at != NULL ? at + 1 : *id);
        remember(*id, digest);
        json_decref(image);
    }
    if (digest != NULL) {
        free(*id);
        *id = digest;
    }
}
