#include "watch_query.h"

#include "query.h"

#include "cara/mem.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static int parse_bool(const char *name, const char *value, bool *ret, Err *err)
{
    if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
        *ret = true;
    else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
        *ret = false;
    else
        return err_set(err, ERR_INVALID, "invalid %s: expected true or false", name);
    return 1;
}

static int parse_number(const char *name, const char *value, int64_t max, int64_t *ret, Err *err)
{
    char *end;

    errno = 0;
    int64_t number = strtoll(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end != '\0' || errno != 0 || number > max)
        return err_set(err, ERR_INVALID, "invalid %s: expected a whole number from 0 to %lld", name,
                       (long long)max);
    *ret = number;
    return 1;
}

static int take(void *arg, const char *name, const char *value, Err *err)
{
    WatchQuery *query = arg;

    if (strcmp(name, "watch") == 0)
        return parse_bool(name, value, &query->watch, err);
    if (strcmp(name, "allowWatchBookmarks") == 0)
        return parse_bool(name, value, &query->bookmarks, err);
    if (strcmp(name, "resourceVersion") == 0)
        return *value == '\0' || strcmp(value, "0") == 0 /* what there is, whatever that is */
                   ? 1
                   : parse_number(name, value, INT64_MAX, &query->position, err);
    if (strcmp(name, "timeoutSeconds") == 0)
        return parse_number(name, value, WATCH_TIMEOUT_MAX_S, &query->timeout_s, err);
    if ((strcmp(name, "limit") == 0 || strcmp(name, "continue") == 0) && *value != '\0')
        return err_set(err, ERR_INVALID, "invalid %s: a watch has no pages", name);
    return 0;
}

int watch_query_parse(const char *query, size_t len, WatchQuery *ret, Buf *filter, Err *err)
{
    *ret = (WatchQuery){ .position = -1 };
    return query_take(query, len, take, ret, filter, err);
}
