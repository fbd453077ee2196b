#include "yaml_scalar.h"

#include "cara/mem.h"
#include "cara/time.h"
#include "cara/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_MAX  512 /* bytes; a longer run of digits is a string */
#define INSTANT_MAX 96

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

#define IS_ONE_OF(text, words) is_one_of(text, words, ARRAY_LEN(words))

static const char *const null_words[] = { "", "~", "null", "Null", "NULL" };
static const char *const true_words[] = { "true", "True", "TRUE" };
static const char *const false_words[] = { "false", "False", "FALSE" };
static const char *const no_number_words[] = {
    ".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf", "+.INF",
    "-.inf", "-.Inf", "-.INF", ".nan",  ".NaN",  ".NAN",
};

/* ---- numbers --------------------------------------------------------------------------------- */

/* 12, -0x1F, 0o17, 0777, 0b101, whole text. */
static bool parse_int(const char *text, int64_t *ret)
{
    const char *digits = text + (*text == '+' || *text == '-');
    const char *allowed = "0123456789";
    int base = 10;

    if (digits[0] == '0' && digits[1] != '\0') {
        char kind = (char)tolower((unsigned char)digits[1]);
        base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
        allowed = kind == 'x' ? "0123456789abcdefABCDEF" : kind == 'b' ? "01" : "01234567";
        digits += kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1;
    }
    if (*digits == '\0' || digits[strspn(digits, allowed)] != '\0')
        return false;
    errno = 0;
    unsigned long long magnitude = strtoull(digits, NULL, base);
    if (errno != 0)
        return false;
    if (*text == '-' ? magnitude > (unsigned long long)INT64_MAX + 1 : magnitude > INT64_MAX)
        return false;
    *ret = *text == '-' ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool yaml_is_whole(double real)
{
    return real < 9007199254740992.0 && real > -9007199254740992.0 && real == (double)(int64_t)real;
}

/* [-+]? ( .digits | digits [ . digits* ] ) [ e[-+]?digits ], whole text. */
static bool looks_like_float(const char *p)
{
    p += *p == '+' || *p == '-';
    size_t whole = strspn(p, "0123456789");
    p += whole;
    if (*p == '.') {
        size_t fraction = strspn(++p, "0123456789");
        if (whole == 0 && fraction == 0)
            return false;
        p += fraction;
    } else if (whole == 0) {
        return false;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        size_t exponent = strspn(p, "0123456789");
        if (exponent == 0)
            return false;
        p += exponent;
    }
    return *p == '\0';
}

static ScalarType resolve_number(const char *text, size_t len, json_t **ret)
{
    char plain[NUMBER_MAX];
    size_t n = 0;

    if (len >= sizeof(plain))
        return SCALAR_STRING;
    for (size_t i = 0; i < len; i++)
        if (text[i] != '_')
            plain[n++] = text[i];
    plain[n] = '\0';

    int64_t integer;
    if (parse_int(plain, &integer)) {
        *ret = json_integer(integer);
        return SCALAR_INT;
    }
    if (!looks_like_float(plain))
        return SCALAR_STRING;
    double real = strtod(plain, NULL);
    if (!isfinite(real))
        return SCALAR_NO_VALUE;
    *ret = yaml_is_whole(real) ? json_integer((int64_t)real) : json_real(real);
    return SCALAR_FLOAT;
}

/* ---- dates and times ------------------------------------------------------------------------- */

/* min..max digits; -1 when there are fewer. */
static int some_digits(const char **p, int min, int max)
{
    int value = 0;
    int n = 0;

    for (; n < max && isdigit((unsigned char)**p); n++, (*p)++)
        value = value * 10 + (**p - '0');
    return n >= min ? value : -1;
}

static bool skip_char(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

/* ".120" becomes ".12", ".000" nothing; at most nine digits. */
static bool read_fraction(const char **p, char out[static 11])
{
    out[0] = '\0';
    if (**p != '.')
        return true;
    size_t digits = strspn(*p + 1, "0123456789");
    if (digits == 0)
        return false;
    size_t keep = digits < 9 ? digits : 9;
    while (keep > 0 && (*p)[keep] == '0')
        keep--;
    if (keep > 0)
        snprintf(out, 11, "%.*s", (int)keep + 1, *p);
    *p += digits + 1;
    return true;
}

/* 2030-01-31, 2030-1-31T4:05:06.7+08:00, 2030-01-31 04:05:06: to RFC 3339 in `out`. */
static bool read_time(const char *p, char out[static INSTANT_MAX])
{
    int year = some_digits(&p, 4, 4);
    if (year < 0 || !skip_char(&p, '-'))
        return false;
    int month = some_digits(&p, 1, 2);
    if (month < 0 || !skip_char(&p, '-'))
        return false;
    int day = some_digits(&p, 1, 2);
    if (day < 0)
        return false;
    int hour = 0;
    int minute = 0;
    int second = 0;
    char fraction[11] = "";
    const char *zone = "Z";
    if (*p != '\0') {
        bool zoned = *p == 'T' || *p == 't';
        if (!zoned && *p != ' ')
            return false;
        p++;
        hour = some_digits(&p, 1, 2);
        if (hour < 0 || !skip_char(&p, ':'))
            return false;
        minute = some_digits(&p, 1, 2);
        if (minute < 0 || !skip_char(&p, ':'))
            return false;
        second = some_digits(&p, 1, 2);
        if (second < 0 || !read_fraction(&p, fraction) || (!zoned && *p != '\0'))
            return false;
        if (zoned && strcmp(p, "+00:00") != 0 && strcmp(p, "-00:00") != 0)
            zone = p;
    }
    snprintf(out, INSTANT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%s%.8s", year, month, day, hour,
             minute, second, fraction, zone);
    int64_t seconds;
    bool zero;
    return time_parse_rfc3339(out, &seconds, &zero, NULL) == 0; /* the ranges are checked there */
}

/* ---- all of it ------------------------------------------------------------------------------- */

ScalarType yaml_scalar_resolve(const char *text, size_t len, json_t **ret)
{
    ScalarType type = SCALAR_STRING;
    char instant[INSTANT_MAX];

    *ret = NULL;
    if (strlen(text) != len) {
        /* a NUL inside: only a string can hold it */
    } else if (IS_ONE_OF(text, null_words)) {
        type = SCALAR_NULL;
        *ret = json_null();
    } else if (IS_ONE_OF(text, true_words) || IS_ONE_OF(text, false_words)) {
        type = SCALAR_BOOL;
        *ret = json_boolean(*text == 't' || *text == 'T');
    } else if (IS_ONE_OF(text, no_number_words)) {
        return SCALAR_NO_VALUE;
    } else if (strchr("+-.0123456789", *text) != NULL) {
        if (read_time(text, instant)) {
            type = SCALAR_TIME;
            *ret = json_string(instant);
        } else {
            type = resolve_number(text, len, ret);
        }
    }
    if (type == SCALAR_STRING)
        *ret = json_stringn(text, len);
    return type;
}

bool yaml_is_special(const char *text, size_t len)
{
    json_t *value;
    ScalarType type = yaml_scalar_resolve(text, len, &value);

    json_decref(value);
    return type != SCALAR_STRING;
}
