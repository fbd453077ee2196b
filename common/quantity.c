#include "cara/quantity.h"

#include "cara/mem.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define DIGITS_MAX   18 /* of the mantissa: with the largest suffix it fits 128 bits */
#define POWER_MAX    60 /* no sensible quantity has more; keeps every sum of exponents small */
#define QUANTITY_MAX ((__uint128_t)9000000000000000000)

typedef struct Suffix {
    const char *text;
    int ten; /* times 10^ten */
    int two; /* times 2^two */
} Suffix;

static const Suffix suffixes[] = {
    { "", 0, 0 },    { "n", -9, 0 },  { "u", -6, 0 },  { "m", -3, 0 },
    { "k", 3, 0 },   { "M", 6, 0 },   { "G", 9, 0 },   { "T", 12, 0 },
    { "P", 15, 0 },  { "E", 18, 0 },  { "Ki", 0, 10 }, { "Mi", 0, 20 },
    { "Gi", 0, 30 }, { "Ti", 0, 40 }, { "Pi", 0, 50 }, { "Ei", 0, 60 },
};

typedef struct Number {
    uint64_t digits; /* times 10^ten */
    int ten;
    int count;    /* significant digits in `digits` */
    bool dropped; /* something but zero came after them */
} Number;

/* Reads digits and at most one point; NULL when there is not one digit. */
static const char *read_number(const char *p, Number *number)
{
    bool point = false;
    bool any = false;

    for (; isdigit((unsigned char)*p) || (*p == '.' && !point); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        any = true;
        if (number->count < DIGITS_MAX) {
            number->digits = number->digits * 10 + (uint64_t)(*p - '0');
            number->count += number->digits > 0;
            number->ten -= point;
        } else {
            number->dropped |= *p != '0';
            number->ten += !point;
        }
    }
    return any ? p : NULL;
}

/* "e3", "E-2": only when digits follow, as a lone E is a suffix. Gives p when it is none. */
static const char *read_exponent(const char *p, int *ret_ten)
{
    const char *digits = p + 1;
    int ten = 0;

    if (*p != 'e' && *p != 'E')
        return p;
    bool negative = *digits == '-';
    digits += *digits == '-' || *digits == '+';
    if (!isdigit((unsigned char)*digits))
        return p;
    for (; isdigit((unsigned char)*digits); digits++)
        ten = ten < POWER_MAX ? ten * 10 + (*digits - '0') : ten;
    *ret_ten = negative ? -ten : ten;
    return digits;
}

/* False when it is more than a quantity can be. */
static bool multiply(__uint128_t *value, int ten)
{
    for (; ten > 0 && *value > 0; ten--) {
        *value *= 10;
        if (*value > QUANTITY_MAX)
            return false;
    }
    for (; ten < 0 && *value > 1; ten++)
        *value = *value / 10 + (*value % 10 != 0);
    return *value <= QUANTITY_MAX;
}

static int refused(const char *text, Err *err)
{
    return err_set(
        err, ERR_INVALID,
        "\"%s\" is not a quantity: write a number with an optional suffix, such as 500m, "
        "2, 256Mi",
        text);
}

int quantity_parse(const char *text, int scale, int64_t *ret, Err *err)
{
    Number number = { 0 };
    const Suffix *suffix = NULL;
    int ten = 0;
    const char *rest = read_number(text, &number);

    if (rest == NULL)
        return refused(text, err);
    const char *after = read_exponent(rest, &ten);
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (strcmp(after, suffixes[i].text) == 0 && (after == rest || suffixes[i].text[0] == '\0'))
            suffix = &suffixes[i];
    if (suffix == NULL)
        return refused(text, err);
    __uint128_t value = (__uint128_t)(number.digits + number.dropped) << suffix->two;
    if (!multiply(&value, number.ten + ten + suffix->ten + scale))
        return err_set(err, ERR_INVALID, "the quantity \"%s\" is too large", text);
    *ret = (int64_t)value;
    return 0;
}
