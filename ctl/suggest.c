#include "command.h"

#include "cara/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 32 /* longer words are close to none of ours */
#define NEAR     2  /* edits */

/* Insertions, deletions and replacements from a to b, without regard to case. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t len = strlen(b);

    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t up = row[j + 1];
            size_t best = diagonal + (tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]));
            if (up + 1 < best)
                best = up + 1;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            row[j + 1] = best;
            diagonal = up;
        }
    }
    return row[len];
}

/* Fewer edits than for commands: "pods" is no "nodes", nor "ksh" "zsh". */
static bool is_near(const char *word, const char *name)
{
    size_t len = strlen(word);
    size_t edits = len >= 6 ? NEAR : len >= 5 ? 1 : 0;

    return len > 0 && len <= WORD_MAX &&
           (edit_distance(word, name) <= edits || strncasecmp(name, word, len) == 0);
}

static size_t count_children(const Command *parent)
{
    size_t count = 0;

    for (size_t i = 0; ctl_commands[i] != NULL; i++)
        count += command_is_child(parent, ctl_commands[i]) && !ctl_commands[i]->hidden;
    return count;
}

int command_unknown_child(const Command *parent, const char *word, Err *err)
{
    _cleanup_(buf_done) Buf names = { .max = 512 };
    const char *what = parent->child != NULL ? parent->child : "command";
    size_t left = count_children(parent);

    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        const char *name = command_name(ctl_commands[i]);
        if (!command_is_child(parent, ctl_commands[i]) || ctl_commands[i]->hidden)
            continue;
        if (is_near(word, name))
            return err_set(err, ERR_INVALID, "%s: unknown %s \"%.64s\": did you mean \"%s\"?",
                           parent->path, what, word, name);
        left--;
        buf_printf(&names, "%s%s", name, left > 1 ? ", " : left == 1 ? " or " : "");
    }
    return err_set(err, ERR_INVALID, "%s: unknown %s \"%.64s\": %s", parent->path, what, word,
                   buf_str(&names));
}

void command_suggest(const char *word, Buf *out)
{
    if (strlen(word) > WORD_MAX)
        return;
    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        const Command *c = ctl_commands[i];
        const char *name = command_name(c);
        if (!command_is_child(ctl_commands[0], c) || c->hidden || strcmp(name, "help") == 0)
            continue;
        if (edit_distance(word, name) <= NEAR || strncasecmp(name, word, strlen(word)) == 0)
            buf_printf(out, "\t%s\n", name);
    }
}
