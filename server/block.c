#include "block.h"

#include "cara/mem.h"

#include <stdlib.h>
#include <string.h>

static Block *make(size_t count, size_t len, size_t *alive)
{
    Block *block = mem_alloc(sizeof(*block));

    *block = (Block){ .refs = 1, .alive = alive, .count = count, .len = len };
    block->lines = mem_alloc(count * sizeof(*block->lines));
    block->data = mem_alloc(len);
    if (alive != NULL)
        *alive += len;
    return block;
}

Block *block_new(const PGresult *rows, int id, int line, int64_t from, int64_t to, size_t *alive)
{
    size_t count = 0;
    size_t len = 0;

    for (int row = 0; row < PQntuples(rows); row++) {
        if (PQgetisnull(rows, row, line))
            continue;
        count++;
        len += (size_t)PQgetlength(rows, row, line) + 1;
    }
    if (count == 0)
        return NULL;
    Block *block = make(count, len, alive);
    block->from = from;
    block->to = to;
    BlockLine *next = block->lines;
    char *out = block->data;
    for (int row = 0; row < PQntuples(rows); row++) {
        if (PQgetisnull(rows, row, line))
            continue;
        size_t n = (size_t)PQgetlength(rows, row, line);
        memcpy(out, PQgetvalue(rows, row, line), n);
        out[n] = '\n';
        out += n + 1;
        *next++ = (BlockLine){ .id = id >= 0 ? strtoll(PQgetvalue(rows, row, id), NULL, 10) : to,
                               .end = (size_t)(out - block->data) };
    }
    return block;
}

Block *block_new_bookmark(const char *kind, int64_t position, size_t *alive)
{
    _cleanup_(mem_freep) char *line =
        mem_printf("{\"type\":\"BOOKMARK\",\"object\":{\"apiVersion\":\"caravanserai/v1\","
                   "\"kind\":\"%s\",\"metadata\":{\"resourceVersion\":\"%lld\"}}}\n",
                   kind, (long long)position);
    Block *block = make(1, strlen(line), alive);

    block->from = position;
    block->to = position;
    block->bookmark = true;
    memcpy(block->data, line, block->len);
    block->lines[0] = (BlockLine){ .id = position, .end = block->len };
    return block;
}

Block *block_ref(Block *block)
{
    if (block != NULL)
        block->refs++;
    return block;
}

void block_unref(Block *block)
{
    while (block != NULL && --block->refs == 0) {
        Block *next = block->next;
        if (block->alive != NULL)
            *block->alive -= block->len;
        free(block->lines);
        free(block->data);
        free(block);
        block = next;
    }
}

size_t block_skip(const Block *block, int64_t position)
{
    size_t low = 0;
    size_t high = block->count;

    while (low < high) { /* the first line after the position */
        size_t middle = low + (high - low) / 2;
        if (block->lines[middle].id > position)
            high = middle;
        else
            low = middle + 1;
    }
    return low == 0 ? 0 : block->lines[low - 1].end;
}
