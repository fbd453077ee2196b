#include "query.h"

#include "cara/mem.h"
#include "cara/text.h"

#include <string.h>

typedef struct Pair {
    const char *name; /* both point into the scratch copy, NUL-terminated */
    size_t name_len;
    const char *value;
    size_t value_len;
    bool written;
} Pair;

/* Decodes one side of a pair into *scratch and moves it on. */
static int decode_part(const char *s, size_t len, char **scratch, const char **ret, size_t *ret_len,
                       Err *err)
{
    ssize_t n = text_percent_decode(s, len, true, *scratch);

    if (n < 0)
        return err_set(err, ERR_INVALID,
                       "invalid query string: expected percent-encoded UTF-8 without NUL");
    *ret = *scratch;
    *ret_len = (size_t)n;
    *scratch += n + 1;
    return 0;
}

static int split_pairs(const char *query, size_t len, char *scratch, Pair *pairs, size_t *ret_count,
                       Err *err)
{
    size_t count = 0;

    for (const char *p = query, *end = query + len; p < end;) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        const char *stop = amp != NULL ? amp : end;
        const char *equals = memchr(p, '=', (size_t)(stop - p));
        const char *name_end = equals != NULL ? equals : stop;
        const char *value = equals != NULL ? equals + 1 : stop;
        if (stop > p) {
            if (count == QUERY_MAX_PAIRS)
                return err_set(err, ERR_INVALID, "invalid query string: more than %d parameters",
                               QUERY_MAX_PAIRS);
            Pair *pair = &pairs[count++];
            *pair = (Pair){ .name = "", .value = "" };
            if (decode_part(p, (size_t)(name_end - p), &scratch, &pair->name, &pair->name_len,
                            err) < 0 ||
                decode_part(value, (size_t)(stop - value), &scratch, &pair->value, &pair->value_len,
                            err) < 0)
                return -1;
        }
        p = stop + 1;
    }
    *ret_count = count;
    return 0;
}

static bool same_name(const Pair *a, const Pair *b)
{
    return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

/* By name; those of one name stay in order, which their place in the scratch copy tells. */
static int compare_names(const void *a, const void *b)
{
    const Pair *x = a;
    const Pair *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : (x->name > y->name) - (x->name < y->name);
}

int query_to_json(const char *query, size_t len, Buf *out, Err *err)
{
    return query_take(query, len, NULL, NULL, out, err);
}

int query_take(const char *query, size_t len, QueryTake take, void *arg, Buf *out, Err *err)
{
    Pair pairs[QUERY_MAX_PAIRS];
    size_t count = 0;
    /* decoding never grows, and each pair needs at most two NULs more than its text */
    _cleanup_(mem_freep) char *scratch = mem_alloc(len + 2 * QUERY_MAX_PAIRS + 1);

    if (split_pairs(query, len, scratch, pairs, &count, err) < 0)
        return -1;
    for (size_t i = 0; take != NULL && i < count; i++) {
        int taken = take(arg, pairs[i].name, pairs[i].value, err);
        if (taken < 0)
            return -1;
        pairs[i].written = taken > 0;
    }
    if (take != NULL)
        qsort(pairs, count, sizeof(*pairs), compare_names);
    buf_add_str(out, "{");
    const char *comma = "";
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].written)
            continue;
        buf_add_str(out, comma);
        text_add_json(out, pairs[i].name, pairs[i].name_len);
        buf_add_str(out, ":[");
        for (size_t j = i; j < count; j++) {
            if (!same_name(&pairs[i], &pairs[j]))
                continue;
            if (j > i)
                buf_add_str(out, ",");
            text_add_json(out, pairs[j].value, pairs[j].value_len);
            pairs[j].written = true;
        }
        buf_add_str(out, "]");
        comma = ",";
    }
    buf_add_str(out, "}");
    return out->failed ? err_set(err, ERR_INVALID, "invalid query string: too long") : 0;
}
