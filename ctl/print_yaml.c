#include "print.h"

#include "cara/mem.h"

#include <ctype.h>
#include <string.h>

#define INDENT   4
#define LONG_KEY 200 /* bytes; a key has to end within 1,024 characters, escapes included */

static void print_node(const json_t *value, size_t indent, Buf *out);

/* ---- order of keys --------------------------------------------------------------------------- */

static bool is_letter(unsigned char c)
{
    return isalpha(c) || c >= 0x80;
}

/* Two keys differ at a[i], b[i], neither of them a letter: digit runs compare by value. */
static bool before_by_number(const char *a, const char *b, size_t i)
{
    size_t start = i;
    while (start > 0 && isdigit((unsigned char)a[start - 1]))
        start--; /* the digits before are the same in both */
    const char *na = a + start + strspn(a + start, "0");
    const char *nb = b + start + strspn(b + start, "0");
    size_t la = strspn(na, "0123456789");
    size_t lb = strspn(nb, "0123456789");
    size_t digits_a = strspn(a + i, "0123456789");
    size_t digits_b = strspn(b + i, "0123456789");

    if (digits_a > 0 && digits_b > 0) {
        int order = la != lb ? (la < lb ? -1 : 1) : strncmp(na, nb, la);
        if (order != 0)
            return order < 0;
        return digits_a < digits_b; /* 1 before 01 */
    }
    if (digits_a > 0 || digits_b > 0)
        return digits_a == 0; /* punctuation first */
    return (unsigned char)a[i] < (unsigned char)b[i];
}

bool print_yaml_key_before(const char *a, const char *b)
{
    bool after_digit = false;
    size_t i = 0;

    for (; a[i] != '\0' && a[i] == b[i]; i++)
        after_digit = isdigit((unsigned char)a[i]) != 0;
    if (a[i] == '\0' || b[i] == '\0')
        return a[i] == '\0' && b[i] != '\0';
    bool letter_a = is_letter((unsigned char)a[i]);
    bool letter_b = is_letter((unsigned char)b[i]);
    if (letter_a && letter_b)
        return (unsigned char)a[i] < (unsigned char)b[i];
    if (letter_a || letter_b)
        return after_digit ? letter_a : letter_b;
    return before_by_number(a, b, i);
}

static int compare_keys(const void *pa, const void *pb)
{
    const char *a = *(const char *const *)pa;
    const char *b = *(const char *const *)pb;

    return print_yaml_key_before(a, b) ? -1 : print_yaml_key_before(b, a) ? 1 : 0;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool is_block(const json_t *value)
{
    return (json_is_object(value) && json_object_size(value) > 0) ||
           (json_is_array(value) && json_array_size(value) > 0);
}

/* "key:", or "? key" and ":" below it where readers would not take it for a key otherwise. */
static void print_key(const char *key, size_t indent, Buf *out)
{
    size_t len = strlen(key);

    if (len > LONG_KEY)
        buf_add_str(out, "? ");
    print_yaml_string(key, len, YAML_INLINE, out);
    if (len > LONG_KEY)
        buf_printf(out, "\n%*s", (int)indent, "");
    buf_add_str(out, ":");
}

/* The members of an object; the first one stands where the cursor is, the others on lines of their
 * own. */
static void print_object(const json_t *object, size_t indent, Buf *out)
{
    size_t inner = (indent + INDENT) / INDENT * INDENT; /* the next multiple */
    size_t count = 0;
    const char **keys = mem_alloc(sizeof(char *) * json_object_size(object));
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, key, value)
        keys[count++] = key;
    qsort(keys, count, sizeof(char *), compare_keys);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_printf(out, "\n%*s", (int)indent, "");
        print_key(keys[i], indent, out);
        value = json_object_get(object, keys[i]);
        if (is_block(value))
            buf_printf(out, "\n%*s", (int)inner, "");
        else
            buf_add_str(out, " ");
        print_node(value, inner, out);
    }
    free(keys);
}

static void print_array(const json_t *array, size_t indent, Buf *out)
{
    size_t i;
    json_t *value;

    json_array_foreach (array, i, value) {
        if (i > 0)
            buf_printf(out, "\n%*s", (int)indent, "");
        buf_add_str(out, "- ");
        print_node(value, indent + 2, out);
    }
}

static void print_node(const json_t *value, size_t indent, Buf *out)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        if (is_block(value))
            print_object(value, indent, out);
        else
            buf_add_str(out, "{}");
        break;
    case JSON_ARRAY:
        if (is_block(value))
            print_array(value, indent, out);
        else
            buf_add_str(out, "[]");
        break;
    case JSON_STRING:
        print_yaml_string(json_string_value(value), json_string_length(value), indent, out);
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

void print_yaml(const json_t *value, Buf *out)
{
    print_node(value, 0, out);
    buf_add_str(out, "\n");
}
