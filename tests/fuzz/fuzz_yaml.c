/* Any bytes are either refused with words, or become JSON that survives being printed as YAML and
 * read again. */
#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/yaml.h"
#include "print.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_TRIP_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good, const char *what, const char *text)
{
    if (good)
        return;
    fprintf(stderr, "%s:\n%s\n", what, text);
    abort();
}

static void round_trip(json_t *document)
{
    _cleanup_(buf_done) Buf yaml = { .max = ROUND_TRIP_MAX };
    _cleanup_(buf_done) Buf again = { .max = ROUND_TRIP_MAX };
    _cleanup_(json_decrefp) json_t *back = NULL;
    Err err = { 0 };

    print_yaml(document, &yaml);
    if (yaml.failed || (!json_is_object(document) && !json_is_array(document)))
        return;
    check(yaml_parse(buf_str(&yaml), yaml.len, &back, &err) == 0, err.message, buf_str(&yaml));
    check(json_array_size(back) == 1, "reads back as several", buf_str(&yaml));
    /* By what is printed: 2.0 of a JSON manifest is a real, and the 2 it prints an integer. */
    print_yaml(json_array_get(back, 0), &again);
    check(strcmp(buf_str(&yaml), buf_str(&again)) == 0, "reads back as something else",
          buf_str(&yaml));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(json_decrefp) json_t *documents = NULL;
    Err err = { 0 };
    size_t i;
    json_t *document;

    if (yaml_parse((const char *)data, size, &documents, &err) < 0) {
        check(err.kind == ERR_INVALID && err.message[0] != '\0', "refused without a word", "");
        check(documents == NULL, "refused, and yet something came", "");
        return 0;
    }
    json_array_foreach (documents, i, document)
        round_trip(document);
    return 0;
}
