#include "cara/dotenv.h"

#include "cara/buf.h"
#include "cara/mem.h"

#include <ctype.h>
#include <string.h>

#define DOTENV_MAX_BYTES (1024 * 1024)

typedef struct Reader {
    const char *p;
    int line;
} Reader;

static bool is_key_char(char c, bool first)
{
    return c == '_' || isalpha((unsigned char)c) ||
           (!first && (isdigit((unsigned char)c) || c == '.'));
}

static void skip_blanks(Reader *in)
{
    while (*in->p == ' ' || *in->p == '\t')
        in->p++;
}

static bool at_line_end(const Reader *in)
{
    return *in->p == '\0' || *in->p == '\n' || (in->p[0] == '\r' && in->p[1] == '\n');
}

static void skip_line(Reader *in)
{
    while (*in->p != '\0' && *in->p != '\n')
        in->p++;
    if (*in->p == '\n') {
        in->p++;
        in->line++;
    }
}

static char unescape(char c)
{
    return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
}

static int read_quoted(Reader *in, Buf *value, Err *err)
{
    char quote = *in->p++;
    int opened = in->line;

    while (*in->p != quote) {
        if (*in->p == '\0')
            return err_set(err, ERR_INVALID, "line %d: the quote %c is never closed", opened,
                           quote);
        if (*in->p == '\n')
            in->line++;
        if (quote == '"' && in->p[0] == '\\' && in->p[1] != '\0' && strchr("nrt\"\\$", in->p[1])) {
            char c = unescape(in->p[1]);
            buf_add(value, &c, 1);
            in->p += 2;
        } else {
            buf_add(value, in->p++, 1);
        }
    }
    in->p++;
    skip_blanks(in);
    if (!at_line_end(in) && *in->p != '#')
        return err_set(err, ERR_INVALID, "line %d: unexpected text after the closing quote",
                       in->line);
    return 0;
}

static void read_bare(Reader *in, Buf *value)
{
    const char *start = in->p;
    const char *end = start;

    for (; !at_line_end(in); in->p++) {
        if (*in->p == '#' && (in->p == start || in->p[-1] == ' ' || in->p[-1] == '\t'))
            break;
        if (*in->p != ' ' && *in->p != '\t')
            end = in->p + 1;
    }
    buf_add(value, start, (size_t)(end - start));
}

static int read_entry(Reader *in, Dotenv *env, Err *err)
{
    if (strncmp(in->p, "export", 6) == 0 && (in->p[6] == ' ' || in->p[6] == '\t')) {
        in->p += 6;
        skip_blanks(in);
    }
    const char *key = in->p;
    while (is_key_char(*in->p, in->p == key))
        in->p++;
    size_t key_len = (size_t)(in->p - key);
    skip_blanks(in);
    if (key_len == 0 || *in->p != '=')
        return err_set(err, ERR_INVALID, "line %d: expected KEY=value", in->line);
    in->p++;
    skip_blanks(in);

    _cleanup_(buf_done) Buf value = { 0 };
    buf_init(&value, DOTENV_MAX_BYTES);
    if (*in->p == '\'' || *in->p == '"') {
        if (read_quoted(in, &value, err) < 0)
            return -1;
    } else {
        read_bare(in, &value);
    }
    if (value.failed)
        return err_set(err, ERR_INVALID, "line %d: the value is longer than 1 MiB", in->line);
    env->entries = mem_grow(env->entries, env->count + 1, sizeof(*env->entries));
    env->entries[env->count++] =
        (DotenvEntry){ .key = mem_strndup(key, key_len), .value = buf_take(&value) };
    return 0;
}

int dotenv_parse(const char *text, Dotenv *ret, Err *err)
{
    _cleanup_(dotenv_done) Dotenv env = { 0 };
    Reader in = { .p = text, .line = 1 };

    if (strncmp(in.p, "\xEF\xBB\xBF", 3) == 0)
        in.p += 3;
    while (*in.p != '\0') {
        skip_blanks(&in);
        if (!at_line_end(&in) && *in.p != '#' && read_entry(&in, &env, err) < 0)
            return -1;
        skip_line(&in);
    }
    *ret = env;
    env = (Dotenv){ 0 };
    return 0;
}

const char *dotenv_get(const Dotenv *env, const char *key)
{
    for (size_t i = env->count; i > 0; i--)
        if (strcmp(env->entries[i - 1].key, key) == 0)
            return env->entries[i - 1].value;
    return NULL;
}

void dotenv_done(Dotenv *env)
{
    for (size_t i = 0; i < env->count; i++) {
        free(env->entries[i].key);
        free(env->entries[i].value);
    }
    free(env->entries);
    *env = (Dotenv){ 0 };
}
