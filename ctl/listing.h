/* What of a kind is asked for: flags of a command line as the query of a list or a watch. */
#ifndef CTL_LISTING_H
#define CTL_LISTING_H

#include "command.h"
#include "resource.h"

#define CHUNK_OBJECTS 500 /* of one page */
#define CHUNK_DEFAULT "500"

/* Lines of a command's flags. */
#define SELECTOR_FLAG                                                                              \
    {                                                                                              \
        "selector", 'l', "selector", NULL, false,                                                  \
            "those whose labels match: key=value, key!=value, \"key in (a,b)\", key, '!key'", NULL \
    }
#define ALL_FLAG                                                                                   \
    {                                                                                              \
        "all", 0, NULL, NULL, false, "all there are", NULL                                         \
    }

/* "?" or "&", and "key=value" percent-encoded. */
void listing_add(Buf *path, const char *key, const char *value);

/* "/api/v1/projects?phase=Running&labelSelector=tier%3Dweb&name=a", owned by the caller. Flags that
 * are not given, or that the command has not, leave no trace, nor does a line that is NULL. Too
 * many names for a URL leave none: what answers is then more than was asked for. */
char *listing_path(const Resource *resource, const CommandLine *line, const char *const *names,
                   size_t name_count);

/* Is an object one of those named? Any is when none is named. */
bool listing_has(const char *const *names, size_t name_count, const json_t *object);

/* --chunk-size: objects of one page, 0 for all at once. */
int listing_chunk(const CommandLine *line, int *ret, Err *err);

/* The whole list, page by page: {"apiVersion", "kind", "metadata", "items"} owned by the caller,
 * with the first page's resourceVersion: what a watch goes on from. */
int listing_fetch(Ctl *ctl, const char *path, int chunk, json_t **ret, Err *err);

/* The node or project that an argument of the form KIND/NAME means. NULL with err, which says what
 * kinds there are. *ret_name points into the argument. */
const Resource *listing_object(const CommandLine *line, size_t arg, const char **ret_name,
                               Err *err);

/* The name in "web" or "project/web", for a command that takes one kind only. NULL with err when it
 * is of the other kind. */
const char *listing_name(const CommandLine *line, const Resource *resource, const char *arg,
                         Err *err);

/* The names a command is to act on: its arguments, or what -l or --all gives. The strings of the
 * array are owned by it. */
int listing_select(Ctl *ctl, const Resource *resource, const CommandLine *line, json_t **ret,
                   Err *err);

/* The strings of such an array, as a list that is the caller's and strings that are the array's. */
const char **listing_strings(const json_t *array);

#endif
