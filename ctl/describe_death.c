/* How the containers of a project ended, with the last lines they wrote. */
#include "describe.h"

#include "cara/mem.h"
#include "cara/time.h"
#include "json_at.h"
#include "log_reader.h"
#include "print.h"

#include <string.h>

/* "TIME stdout F text": the text. */
static const char *text_of(const char *line)
{
    for (int i = 0; i < 3; i++) {
        const char *blank = strchr(line, ' ');
        if (blank == NULL)
            return line;
        line = blank + 1;
    }
    return line;
}

static void describe_lines(const char *log, Buf *out)
{
    while (*log != '\0') {
        size_t len = strcspn(log, "\n");
        _cleanup_(mem_freep) char *line = mem_strndup(log, len);
        buf_add_str(out, "      ");
        print_clean(text_of(line), out);
        buf_add_str(out, "\n");
        log += len + (log[len] == '\n');
    }
}

void describe_deaths(const json_t *items, int64_t now, Buf *out)
{
    const char *title = "\nLast Deaths:\n";
    size_t i;
    json_t *death;

    json_array_foreach (items, i, death) {
        int64_t finished = 0;
        bool zero = false;
        char age[TIME_TEXT_MAX];
        time_parse_rfc3339(json_text_at(death, "finishedAt"), &finished, &zero, NULL);
        time_format_age(finished, now, age);
        _cleanup_(mem_freep) char *words = death_words(death);
        buf_printf(out, "%s  ", title);
        print_clean(json_text_at(death, "service"), out);
        buf_printf(out, " %s, %s ago on ", words, age);
        print_clean(json_text_at(death, "node"), out);
        buf_add_str(out, "\n");
        describe_lines(json_text_at(death, "log"), out);
        title = "";
    }
}
