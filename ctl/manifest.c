#include "manifest.h"

#include "cara/http.h"
#include "cara/mem.h"
#include "cara/version.h"
#include "cara/yaml.h"
#include "json_at.h"
#include "resource.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define TEXT_MAX (16 << 20) /* bytes of one file: comments and blanks do not travel */

typedef struct Reader {
    const char *verb;
    json_t *items;
} Reader;

/* ---- objects --------------------------------------------------------------------------------- */

/* " in web.yaml, document 2": only where one document is not all there is. */
static int unsupported_kind(const json_t *object, const char *origin, size_t documents,
                            size_t index, const char *verb, Err *err)
{
    const char *kind = json_text_at(object, "kind");

    if (documents > 1)
        return err_set(err, ERR_INVALID, "%s: unsupported kind \"%.64s\" in %.200s, document %zu",
                       verb, kind, origin, index + 1);
    return err_set(err, ERR_INVALID, "%s: unsupported kind \"%.64s\"", verb, kind);
}

static int add_object(json_t *object, const char *origin, size_t documents, size_t index,
                      const char *verb, json_t *items, Err *err)
{
    const char *kind = json_text_at(object, "kind");
    size_t i;
    json_t *item;

    if (!json_is_object(object))
        return err_set(err, ERR_INVALID,
                       "parse manifest: %.200s: document %zu is not a map: a manifest starts with "
                       "apiVersion, kind and metadata",
                       origin, index + 1);
    const Resource *resource = resource_of_kind(kind);
    if (resource == &resource_node || resource == &resource_project) {
        json_array_append(items, object);
        return 0;
    }
    bool list = strcmp(kind, "List") == 0 || strcmp(kind, "NodeList") == 0 ||
                strcmp(kind, "ProjectList") == 0;
    const json_t *members = json_object_get(object, "items");
    if (!list)
        return unsupported_kind(object, origin, documents, index, verb, err);
    if (!json_is_array(members))
        return err_set(err, ERR_INVALID, "parse manifest: %.200s: %s needs a list of items", origin,
                       kind);
    json_array_foreach (members, i, item) {
        resource = resource_of_kind(json_text_at(item, "kind"));
        if (resource != &resource_node && resource != &resource_project)
            return err_set(err, ERR_INVALID, "%s: unsupported kind \"%.64s\" in %.200s, items[%zu]",
                           verb, json_text_at(item, "kind"), origin, i);
        json_array_append(items, item);
    }
    return 0;
}

int manifest_parse(const char *text, size_t len, const char *origin, const char *verb,
                   json_t *items, Err *err)
{
    _cleanup_(json_decrefp) json_t *documents = NULL;
    size_t i;
    json_t *document;

    if (yaml_parse(text, len, &documents, err) < 0)
        return err_prefix(err, "parse manifest: yaml decode: %.200s", origin);
    size_t count = json_array_size(documents);
    json_array_foreach (documents, i, document)
        if (add_object(document, origin, count, i, verb, items, err) < 0)
            return -1;
    return 0;
}

/* ---- where they come from -------------------------------------------------------------------- */

static int read_error(const char *path, int code, Err *err)
{
    char text[128];
    const char *words = strerror_r(code, text, sizeof(text));

    return err_set(err, ERR_INVALID, "read manifest: open %.512s: %c%s", path,
                   words[0] >= 'A' && words[0] <= 'Z' ? words[0] + 32 : words[0], words + 1);
}

static int too_long(const char *origin, Err *err)
{
    return err_set(err, ERR_INVALID, "read manifest: %.512s is longer than %d MiB", origin,
                   TEXT_MAX >> 20);
}

static int read_stream(Reader *r, FILE *file, const char *origin, Err *err)
{
    _cleanup_(buf_done) Buf text = { .max = TEXT_MAX };
    char piece[16384];
    size_t n;

    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        if (buf_add(&text, piece, n) < 0)
            return too_long(origin, err);
    if (ferror(file))
        return read_error(origin, errno, err);
    return manifest_parse(buf_str(&text), text.len, origin, r->verb, r->items, err);
}

static int read_file(Reader *r, const char *path, Err *err)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return read_error(path, errno, err);
    int result = read_stream(r, file, path, err);
    fclose(file);
    return result;
}

static int is_manifest_name(const struct dirent *entry)
{
    static const char *const endings[] = { ".yaml", ".yml", ".json" };
    size_t len = strlen(entry->d_name);

    if (entry->d_name[0] == '.')
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        size_t n = strlen(endings[i]);
        if (len > n && strcasecmp(entry->d_name + len - n, endings[i]) == 0)
            return 1;
    }
    return 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_directory(Reader *r, const char *path, Err *err)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_manifest_name, compare_names);
    int result = 0;

    if (count < 0)
        return read_error(path, errno, err);
    if (count == 0)
        result =
            err_set(err, ERR_INVALID,
                    "read manifest: %.512s: no *.yaml, *.yml or *.json in this directory", path);
    for (int i = 0; i < count; i++) {
        _cleanup_(mem_freep) char *file = mem_printf("%s/%s", path, entries[i]->d_name);
        if (result == 0)
            result = read_file(r, file, err);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static int read_url(Reader *r, const char *url, Err *err)
{
    _cleanup_(mem_freep) char *agent = mem_printf("caractrl/%s", cara_version);
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    size_t host = (size_t)(strstr(url, "://") - url) + 3;
    size_t base = host + strcspn(url + host, "/?#");
    _cleanup_(mem_freep) char *server = mem_strndup(url, base);
    HttpOptions options = {
        .base = server,
        .user_agent = agent,
        .timeout_ms = CTL_TIMEOUT_MS,
        .max_body = TEXT_MAX,
    };
    Http *http = NULL;

    if (http_new(&options, &http, err) < 0)
        return -1;
    int result = http_call(http, "GET", url + base, NULL, &reply, err);
    http_free(http);
    if (result < 0)
        return err_prefix(err, "read manifest");
    if (reply.status < 200 || reply.status > 299)
        return err_set_status(err, ERR_HTTP, reply.status, "read manifest: %.512s: %d %s", url,
                              reply.status, reply.reason);
    return manifest_parse(reply.body, reply.len, url, r->verb, r->items, err);
}

static int read_source(Reader *r, const char *source, Err *err)
{
    struct stat st;

    if (strcmp(source, "-") == 0)
        return read_stream(r, stdin, "standard input", err);
    if (strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0)
        return read_url(r, source, err);
    if (stat(source, &st) < 0)
        return read_error(source, errno, err);
    return S_ISDIR(st.st_mode) ? read_directory(r, source, err) : read_file(r, source, err);
}

int manifest_read_flags(const CommandLine *line, const char *verb, json_t **ret_items, Err *err)
{
    _cleanup_(json_decrefp) json_t *items = json_array();
    Reader r = { .verb = verb, .items = items };
    const char *last = "";

    for (size_t i = 0; i < line->flag_count; i++) {
        if (strcmp(line->flags[i].flag->name, "filename") != 0)
            continue;
        last = line->flags[i].value;
        if (read_source(&r, last, err) < 0)
            return -1;
    }
    if (json_array_size(items) == 0)
        return err_set(err, ERR_INVALID, "%s: unsupported kind \"\": %.512s holds no manifest",
                       verb, strcmp(last, "-") == 0 ? "standard input" : last);
    *ret_items = TAKE_PTR(items);
    return 0;
}

char *manifest_encode(const json_t *body, size_t count, const char *verb, Err *err)
{
    _cleanup_(mem_freep) char *text = json_dumps(body, JSON_COMPACT);

    if (text == NULL) {
        err_set(err, ERR_INVALID, "parse manifest: json encode: text that is not UTF-8");
        return NULL;
    }
    if (strlen(text) > CTL_MANIFEST_MAX) {
        err_set(err, ERR_INVALID,
                "%s: %zu manifests of %.1f MiB together, the server takes %d MiB at once: %s "
                "them in several parts",
                verb, count, (double)strlen(text) / (1 << 20), CTL_MANIFEST_MAX >> 20, verb);
        return NULL;
    }
    return TAKE_PTR(text);
}
