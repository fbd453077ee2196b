#include "pull_progress.h"

#include <stdint.h>
#include <string.h>

#define LAYERS_MAX 1000 /* of one image; more would not be an image */

void pull_progress_init(PullProgress *progress)
{
    *progress = (PullProgress){ .layers = json_object(), .percent = -1 };
}

void pull_progress_done(PullProgress *progress)
{
    json_decref(progress->layers);
}

static json_int_t bytes(const json_t *layer, const char *key)
{
    return json_integer_value(json_object_get(layer, key));
}

static void set_bytes(json_t *layer, const char *key, json_int_t value)
{
    if (value > bytes(layer, key))
        json_object_set_new(layer, key, json_integer(value));
}

/* What the line says of its layer. */
static void note(json_t *layer, const char *status, const json_t *detail)
{
    bool unpacks = strcmp(status, "Extracting") == 0;

    if (unpacks || strcmp(status, "Downloading") == 0) {
        set_bytes(layer, "total", bytes(detail, "total"));
        set_bytes(layer, unpacks ? "unpacked" : "loaded", bytes(detail, "current"));
    }
    if (unpacks || strcmp(status, "Download complete") == 0)
        set_bytes(layer, "loaded", bytes(layer, "total"));
    if (strcmp(status, "Pull complete") == 0) {
        set_bytes(layer, "loaded", bytes(layer, "total"));
        set_bytes(layer, "unpacked", bytes(layer, "total"));
    }
}

static int add_up(const json_t *layers)
{
    double total = 0;
    double done = 0;
    const char *id;
    json_t *layer;

    json_object_foreach ((json_t *)(uintptr_t)layers, id, layer) {
        double size = (double)bytes(layer, "total");
        double parts = (double)bytes(layer, "loaded") + (double)bytes(layer, "unpacked");
        total += 2 * size;
        done += parts < 2 * size ? parts : 2 * size;
    }
    return total > 0 ? (int)(100 * done / total) : -1;
}

bool pull_progress_take(PullProgress *progress, const json_t *line)
{
    const char *id = json_string_value(json_object_get(line, "id"));
    const char *status = json_string_value(json_object_get(line, "status"));

    if (id == NULL || status == NULL)
        return false;
    json_t *layer = json_object_get(progress->layers, id);
    if (layer == NULL && json_object_size(progress->layers) < LAYERS_MAX) {
        layer = json_object();
        json_object_set_new(progress->layers, id, layer);
    }
    if (layer == NULL)
        return false;
    note(layer, status, json_object_get(line, "progressDetail"));
    int percent = add_up(progress->layers);
    if (percent <= progress->percent)
        return false;
    progress->percent = percent;
    return true;
}
