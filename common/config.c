#include "cara/config.h"

#include "cara/buf.h"
#include "cara/dotenv.h"
#include "cara/mem.h"
#include "cara/time.h"
#include "cara/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX_BYTES (1024 * 1024)

/* The text that wins for one option, and who said it. */
typedef struct Given {
    char *text; /* owned; NULL while nobody said anything */
    const char *source;
} Given;

typedef struct Loading {
    const ConfigOption *options;
    size_t count;
    Given *given; /* one an option */
} Loading;

static const char *const source_names[] = { "default", "config.yaml", ".env", "environment",
                                            "command line" };
enum { FROM_DEFAULT, FROM_YAML, FROM_DOTENV, FROM_ENV, FROM_FLAG };

static void loading_done(Loading *loading)
{
    for (size_t i = 0; i < loading->count; i++)
        free(loading->given[i].text);
    free(loading->given);
}

/* Later sources are offered later and win. */
static void offer(Loading *loading, size_t index, const char *text, int source)
{
    Given *given = &loading->given[index];

    free(given->text);
    given->text = mem_strdup(text);
    given->source = source_names[source];
}

static const char *key_for_source(const ConfigOption *option, const char *source)
{
    if (source == source_names[FROM_YAML])
        return option->yaml;
    if (source == source_names[FROM_FLAG])
        return option->flag;
    return option->env;
}

/* ---- files ---- */

/* *ret_text stays NULL when the file does not exist. */
static int read_file(const char *dir, const char *name, char **ret_text, Err *err)
{
    _cleanup_(mem_freep) char *path = mem_printf("%s/%s", dir != NULL ? dir : ".", name);
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return errno == ENOENT ? 0 : err_set(err, ERR_SYSTEM, "read %s: %s", name, strerror(errno));
    _cleanup_(buf_done) Buf text = { 0 };
    char chunk[4096];
    size_t n;
    buf_init(&text, FILE_MAX_BYTES);
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buf_add(&text, chunk, n);
    int failed = ferror(file) ? errno : 0;
    fclose(file);
    if (failed != 0)
        return err_set(err, ERR_SYSTEM, "read %s: %s", name, strerror(failed));
    if (text.failed)
        return err_set(err, ERR_INVALID, "%s: longer than 1 MiB", name);
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
        return err_set(err, ERR_INVALID, "%s: not a text file (it holds a NUL byte)", name);
    *ret_text = buf_take(&text);
    return 0;
}

static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64];
    size_t width = strlen(b);

    if (width >= ARRAY_LEN(row))
        return SIZE_MAX;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[width];
}

static const char *nearest_yaml_key(const Loading *loading, const char *key)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < loading->count; i++) {
        size_t distance = loading->options[i].yaml != NULL
                              ? edit_distance(key, loading->options[i].yaml)
                              : SIZE_MAX;
        if (distance < best) {
            best = distance;
            nearest = loading->options[i].yaml;
        }
    }
    return nearest;
}

static int offer_yaml_member(Loading *loading, const char *key, const json_t *value, Err *err)
{
    for (size_t i = 0; i < loading->count; i++) {
        if (loading->options[i].yaml == NULL || strcmp(loading->options[i].yaml, key) != 0)
            continue;
        char number[32];
        if (json_is_string(value)) {
            offer(loading, i, json_string_value(value), FROM_YAML);
        } else if (json_is_integer(value)) {
            snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
            offer(loading, i, number, FROM_YAML);
        } else if (json_is_boolean(value)) {
            offer(loading, i, json_is_true(value) ? "true" : "false", FROM_YAML);
        } else if (!json_is_null(value)) {
            return err_set(err, ERR_INVALID, "config.yaml: %s: must be a single value, not a %s",
                           key,
                           json_is_object(value)  ? "mapping"
                           : json_is_array(value) ? "list"
                                                  : "fraction");
        }
        return 0;
    }
    const char *nearest = nearest_yaml_key(loading, key);
    if (nearest == NULL)
        return err_set(err, ERR_INVALID, "config.yaml: unknown key \"%s\"", key);
    return err_set(err, ERR_INVALID,
                   "config.yaml: unknown key \"%s\"; the nearest known one is \"%s\"", key,
                   nearest);
}

static int offer_yaml(Loading *loading, const char *dir, Err *err)
{
    _cleanup_(mem_freep) char *text = NULL;
    json_t *documents = NULL;
    const char *key;
    json_t *value;
    int result = 0;

    if (read_file(dir, "config.yaml", &text, err) < 0)
        return -1;
    if (text == NULL)
        return 0;
    if (yaml_parse(text, strlen(text), &documents, err) < 0)
        return err_prefix(err, "config.yaml");
    json_t *top = json_array_get(documents, 0);
    if (json_array_size(documents) > 1)
        result = err_set(err, ERR_INVALID, "config.yaml: holds more than one document");
    else if (top != NULL && !json_is_object(top))
        result = err_set(err, ERR_INVALID, "config.yaml: must be a mapping of keys to values");
    else
        json_object_foreach (top, key, value)
            if (result == 0)
                result = offer_yaml_member(loading, key, value, err);
    json_decref(documents);
    return result;
}

static int offer_dotenv(Loading *loading, const char *dir, Err *err)
{
    _cleanup_(mem_freep) char *text = NULL;
    _cleanup_(dotenv_done) Dotenv env = { 0 };

    if (read_file(dir, ".env", &text, err) < 0)
        return -1;
    if (text == NULL)
        return 0;
    if (dotenv_parse(text, &env, err) < 0)
        return err_prefix(err, ".env");
    for (size_t i = 0; i < loading->count; i++) {
        const char *value =
            loading->options[i].env != NULL ? dotenv_get(&env, loading->options[i].env) : NULL;
        if (value != NULL && *value != '\0')
            offer(loading, i, value, FROM_DOTENV);
    }
    return 0;
}

static void offer_environment(Loading *loading)
{
    for (size_t i = 0; i < loading->count; i++) {
        const char *value =
            loading->options[i].env != NULL ? getenv(loading->options[i].env) : NULL;
        if (value != NULL && *value != '\0')
            offer(loading, i, value, FROM_ENV);
    }
}

/* ---- flags ---- */

static bool same_flag(const char *given, size_t len, const char *flag)
{
    if (strlen(flag) != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char a = given[i] == '_' ? '-' : given[i];
        char b = flag[i] == '_' ? '-' : flag[i];
        if (a != b)
            return false;
    }
    return true;
}

/* Returns the index of the first argument that is no flag. */
static int offer_flags(Loading *loading, int argc, char **argv, Err *err)
{
    int i = 1;

    while (i < argc) {
        const char *arg = argv[i];
        if (arg[0] != '-' || arg[1] == '\0')
            return i;
        if (strcmp(arg, "--") == 0)
            return i + 1;
        const char *name = arg + (arg[1] == '-' ? 2 : 1);
        const char *equals = strchr(name, '=');
        size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
        size_t o = 0;
        while (o < loading->count && (loading->options[o].flag == NULL ||
                                      !same_flag(name, len, loading->options[o].flag)))
            o++;
        if (o == loading->count)
            return err_set_status(err, ERR_INVALID, CONFIG_USAGE,
                                  "unknown flag %.*s: --help lists the flags",
                                  (int)(name + len - arg), arg);
        i++;
        if (equals != NULL) {
            offer(loading, o, equals + 1, FROM_FLAG);
        } else if (loading->options[o].type == CONFIG_BOOL) {
            offer(loading, o, "true", FROM_FLAG);
        } else if (i < argc) {
            offer(loading, o, argv[i++], FROM_FLAG);
        } else {
            return err_set_status(err, ERR_INVALID, CONFIG_USAGE, "flag %s needs a value", arg);
        }
    }
    return argc;
}

/* ---- values ---- */

static int parse_bool(const char *text, bool *ret)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = { { "true", true },   { "1", true },  { "yes", true }, { "on", true },
                  { "false", false }, { "0", false }, { "no", false }, { "off", false } };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasecmp(text, words[i].word) == 0) {
            *ret = words[i].value;
            return 0;
        }
    return -1;
}

static int parse_int(const char *text, long min, long max, int *ret)
{
    char *end;

    errno = 0;
    long value = strtol(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || value < min ||
        value > max)
        return -1;
    *ret = (int)value;
    return 0;
}

static const char *accepted(ConfigType type)
{
    switch (type) {
    case CONFIG_BOOL:
        return "true or false (also 1/0, yes/no, on/off)";
    case CONFIG_PORT:
        return "a port from 1 to 65535";
    case CONFIG_INT:
        return "a whole number, 0 or more";
    case CONFIG_DURATION:
        return "a duration such as 30s, 250ms or 1m30s";
    case CONFIG_STRING:
        break;
    }
    return "a text";
}

static int convert(ConfigType type, const char *text, void *member)
{
    switch (type) {
    case CONFIG_STRING:
        *(char **)member = mem_strdup(text);
        return 0;
    case CONFIG_BOOL:
        return parse_bool(text, member);
    case CONFIG_PORT:
        return parse_int(text, 1, 65535, member);
    case CONFIG_INT:
        return parse_int(text, 0, INT_MAX, member);
    case CONFIG_DURATION:
        return time_parse_duration(text, member, NULL);
    }
    return -1;
}

static int store(const Loading *loading, void *out, Err *err)
{
    for (size_t i = 0; i < loading->count; i++) {
        const ConfigOption *option = &loading->options[i];
        const Given *given = &loading->given[i];
        if (given->text == NULL ||
            convert(option->type, given->text, (char *)out + option->offset) == 0)
            continue;
        return err_set(err, ERR_INVALID, "%s: %s%s%s%s%s: must be %s", given->source,
                       given->source == source_names[FROM_FLAG] ? "-" : "",
                       key_for_source(option, given->source), option->secret ? "" : " is \"",
                       option->secret ? "" : given->text, option->secret ? "" : "\"",
                       accepted(option->type));
    }
    return 0;
}

int config_load(const ConfigOption *options, size_t count, const ConfigSources *sources, void *out,
                Err *err)
{
    _cleanup_(loading_done)
        Loading loading = { options, count, mem_alloc(count * sizeof(*loading.given)) };

    for (size_t i = 0; i < count; i++)
        if (options[i].fallback != NULL)
            offer(&loading, i, options[i].fallback, FROM_DEFAULT);
    if (offer_yaml(&loading, sources->dir, err) < 0 ||
        offer_dotenv(&loading, sources->dir, err) < 0)
        return -1;
    offer_environment(&loading);
    int next = offer_flags(&loading, sources->argc, sources->argv, err);
    if (next < 0)
        return -1;
    if (store(&loading, out, err) < 0) {
        config_done(options, count, out);
        return -1;
    }
    return next;
}

void config_done(const ConfigOption *options, size_t count, void *out)
{
    for (size_t i = 0; i < count; i++) {
        char **member = (char **)(void *)((char *)out + options[i].offset);
        if (options[i].type != CONFIG_STRING)
            continue;
        free(*member);
        *member = NULL;
    }
}

void config_print_help(const ConfigOption *options, size_t count)
{
    static const char *const placeholders[] = { [CONFIG_STRING] = "TEXT",
                                                [CONFIG_BOOL] = "",
                                                [CONFIG_PORT] = "PORT",
                                                [CONFIG_INT] = "NUMBER",
                                                [CONFIG_DURATION] = "DURATION" };

    puts("Flags (each over the environment, over .env, over config.yaml):");
    for (size_t i = 0; i < count; i++) {
        const ConfigOption *option = &options[i];
        if (option->flag == NULL)
            continue;
        printf("  -%s%s%s\n        %s\n        environment %s, config.yaml %s", option->flag,
               option->type == CONFIG_BOOL ? "" : " ", placeholders[option->type], option->help,
               option->env != NULL ? option->env : "-", option->yaml != NULL ? option->yaml : "-");
        if (option->fallback != NULL)
            printf("; default %s", option->fallback);
        putchar('\n');
    }
}
