#include "print.h"

#include "cara/mem.h"
#include "cara/yaml.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INDENT 2

void print_number(const json_t *number, Buf *out)
{
    if (json_is_integer(number)) {
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
        return;
    }
    double value = json_real_value(number);
    char text[40];
    if (yaml_is_whole(value)) {
        buf_printf(out, "%" PRId64, (int64_t)value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) { /* the shortest that reads back the same */
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add_str(out, text);
}

/* Bytes of the three-byte sequences U+2028 and U+2029 before the last one. */
static const char separator[] = "\xe2\x80";

static void print_string(const char *text, size_t len, Buf *out)
{
    static const char shorts[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";

    buf_add(out, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *is_short = c != '\0' ? strchr(shorts, c) : NULL;
        if (is_short != NULL)
            buf_printf(out, "\\%c", letters[is_short - shorts]);
        else if (c < 0x20 || c == '<' || c == '>' || c == '&')
            buf_printf(out, "\\u%04x", c);
        else if (len - i >= 3 && memcmp(text + i, separator, 2) == 0 &&
                 (text[i + 2] == '\xa8' || text[i + 2] == '\xa9')) {
            buf_add_str(out, text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029");
            i += 2;
        } else
            buf_add(out, text + i, 1);
    }
    buf_add(out, "\"", 1);
}

static void newline(int level, Buf *out)
{
    buf_printf(out, "\n%*s", level * INDENT, "");
}

static void print_value(const json_t *value, int level, Buf *out)
{
    size_t i;
    const char *key;
    json_t *member;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        buf_add_str(out, "{");
        i = 0;
        json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
            buf_add_str(out, i++ > 0 ? "," : "");
            newline(level + 1, out);
            print_string(key, strlen(key), out);
            buf_add_str(out, ": ");
            print_value(member, level + 1, out);
        }
        if (json_object_size(value) > 0)
            newline(level, out);
        buf_add_str(out, "}");
        break;
    case JSON_ARRAY:
        buf_add_str(out, "[");
        json_array_foreach (value, i, member) {
            buf_add_str(out, i > 0 ? "," : "");
            newline(level + 1, out);
            print_value(member, level + 1, out);
        }
        if (json_array_size(value) > 0)
            newline(level, out);
        buf_add_str(out, "]");
        break;
    case JSON_STRING:
        print_string(json_string_value(value), json_string_length(value), out);
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        print_number(value, out);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        buf_add_str(out, json_is_true(value) ? "true" : "false");
        break;
    default:
        buf_add_str(out, "null");
    }
}

void print_json(const json_t *value, Buf *out)
{
    print_value(value, 0, out);
    buf_add_str(out, "\n");
}
