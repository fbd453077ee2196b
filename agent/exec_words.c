#include "exec_words.h"

#include "cara/mem.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#define WORDS_MAX 4096
#define TERM_MAX  64

static int parse_size(const json_t *object, ExecWord *word, Err *err)
{
    static const char *const names[] = { "columns", "rows" };
    int *const values[] = { &word->columns, &word->rows };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const json_t *member = json_object_get(object, names[i]);
        json_int_t value = json_integer_value(member);
        if (member != NULL && (!json_is_integer(member) || value < 1 || value > UINT16_MAX))
            return err_set(err, ERR_INVALID, "%s must be between 1 and 65535", names[i]);
        *values[i] = (int)value;
    }
    return 0;
}

static int check_command(const json_t *command, Err *err)
{
    size_t i;
    json_t *item;

    if (!json_is_array(command) || json_array_size(command) == 0 ||
        json_array_size(command) > WORDS_MAX)
        return err_set(err, ERR_INVALID, "command must be a list of 1 to %d words", WORDS_MAX);
    json_array_foreach (command, i, item)
        if (!json_is_string(item))
            return err_set(err, ERR_INVALID, "command[%zu] must be a string", i);
    return 0;
}

static int parse_start(const json_t *start, ExecWord *word, Err *err)
{
    json_t *command = json_object_get(start, "command");
    const char *term = json_string_value(json_object_get(start, "term"));
    bool has_stdin = json_is_true(json_object_get(start, "stdin"));

    word->tty = json_is_true(json_object_get(start, "tty"));
    if (check_command(command, err) < 0 || parse_size(start, word, err) < 0)
        return -1;
    if (term != NULL && strlen(term) > TERM_MAX)
        return err_set(err, ERR_INVALID, "term is longer than %d bytes", TERM_MAX);
    json_t *body = json_pack("{s:b,s:b,s:b,s:b,s:O}", "AttachStdin", has_stdin, "AttachStdout", 1,
                             "AttachStderr", 1, "Tty", word->tty, "Cmd", command);
    if (word->tty && term != NULL && *term != '\0')
        json_object_set_new(body, "Env", json_pack("[o]", json_sprintf("TERM=%s", term)));
    word->body = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (strlen(word->body) > EXEC_BODY_MAX)
        return err_set(err, ERR_INVALID, "the command is longer than %d KiB: send it by stdin",
                       EXEC_BODY_MAX / 1024);
    return 0;
}

int exec_word_parse(const char *text, size_t len, ExecWord *ret, Err *err)
{
    json_error_t why;
    json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    const json_t *start = json_object_get(object, "start");
    const json_t *resize = json_object_get(object, "resize");
    ExecWord word = { .kind = start != NULL    ? EXEC_START
                              : resize != NULL ? EXEC_RESIZE
                                               : EXEC_EOF };
    int result = 0;

    if (start != NULL)
        result = parse_start(start, &word, err);
    else if (resize != NULL)
        result = parse_size(resize, &word, err);
    else if (!json_is_true(json_object_get(object, "eof")))
        result = err_set(err, ERR_INVALID, "expected start, resize or eof%s%s",
                         object == NULL ? ": " : "", object == NULL ? why.text : "");
    json_decref(object);
    if (result < 0)
        exec_word_done(&word);
    else
        *ret = word;
    return result;
}

void exec_word_done(ExecWord *word)
{
    free(word->body);
    *word = (ExecWord){ 0 };
}
