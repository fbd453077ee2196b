/* Any bytes in pieces of any size are lines of a watch or refused with words, and it makes no
 * difference where they are cut. */
#include "cara/mem.h"
#include "watch_lines.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool see(void *arg, WatchType type, const json_t *object)
{
    Buf *seen = arg;
    char *text = json_dumps(object, JSON_COMPACT);

    buf_printf(seen, "%s %s\n", watch_type_word(type), text != NULL ? text : "?");
    free(text);
    return true;
}

static int feed(const uint8_t *data, size_t size, size_t piece, Buf *seen)
{
    WatchLines lines;
    Err err = { 0 };
    int result = 1;

    watch_lines_init(&lines, see, seen);
    for (size_t i = 0; i < size && result == 1; i += piece)
        result = watch_lines_feed(&lines, (const char *)data + i,
                                  size - i < piece ? size - i : piece, &err);
    if (result == 1)
        result = watch_lines_end(&lines, &err);
    if (result < 0 && err.message[0] == '\0')
        abort();
    watch_lines_done(&lines);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Buf whole = { .max = 1 << 24 };
    Buf pieces = { .max = 1 << 24 };
    size_t piece = size > 0 ? data[0] % 16u + 1 : 1;

    if (feed(data, size, size > 0 ? size : 1, &whole) != feed(data, size, piece, &pieces) ||
        strcmp(buf_str(&whole), buf_str(&pieces)) != 0)
        abort();
    buf_done(&whole);
    buf_done(&pieces);
    return 0;
}
