/* Any answer to a handshake is waited for, taken or refused with words; what comes as the engine's
 * frames is taken whole; any text is a word of exec or refused. */
#include "exec_words.h"
#include "frames.h"
#include "handshake.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

static void parse_answer(const char *data, size_t size)
{
    static const Handshake asked = {
        .host = "n1:9090", .path = "/p", .protocol = "x.v1", .key = "dGhlIHNhbXBsZSBub25jZQ=="
    };
    bool agreed;
    Err err = { 0 };

    long head = handshake_parse(&asked, data, size, false, &agreed, &err);
    check(head <= (long)size);
    check((head < 0) == (err.kind != ERR_NONE));
    err_clear(&err);
    check(handshake_parse(&asked, data, size, true, &agreed, &err) != 0);
}

static void take_frames(const char *data, size_t size)
{
    Frames frames = { .left = 0 };

    while (size > 0) {
        int stream;
        size_t piece;
        size_t n = frames_take(&frames, data, size, &stream, &piece);
        check(n > 0 && n <= size && piece <= n);
        data += n;
        size -= n;
    }
}

static void parse_word(const char *data, size_t size)
{
    ExecWord word;
    Err err = { 0 };

    if (exec_word_parse(data, size, &word, &err) == 0)
        exec_word_done(&word);
    else
        check(err.message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse_answer((const char *)data, size);
    take_frames((const char *)data, size);
    parse_word((const char *)data, size);
    return 0;
}
