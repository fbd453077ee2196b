#include "cara/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- durations ------------------------------------------------------------------------------- */

static const struct {
    const char *name; /* longer names before their prefixes */
    int64_t ns;
} units[] = {
    { "ns", 1 },
    { "us", 1000 },
    { "\u00b5s", 1000 }, /* micro sign */
    { "\u03bcs", 1000 }, /* Greek mu */
    { "ms", 1000000 },
    { "s", 1000000000LL },
    { "m", 60 * 1000000000LL },
    { "h", 3600 * 1000000000LL },
};

static int bad_duration(const char *text, Err *err)
{
    return err_set(err, ERR_INVALID,
                   "\"%.64s\" is not a duration: write numbers with units, as 30s, 1m30s or 250ms",
                   text);
}

static int64_t unit_at(const char *p, size_t *ret_len)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t len = strlen(units[i].name);
        if (strncmp(p, units[i].name, len) == 0) {
            *ret_len = len;
            return units[i].ns;
        }
    }
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

#define FRACTION_MAX 1000000000000000 /* ten to the fifteenth: an hour has fewer nanoseconds */

/* One number with its unit, added to *ns. NULL when it is not one or the sum does not fit. */
static const char *parse_part(const char *p, int64_t *ns)
{
    int64_t whole = 0;
    int64_t fraction = 0; /* of `scale` */
    int64_t scale = 1;
    bool digits = false;

    for (; is_digit(*p); p++, digits = true)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, *p - '0', &whole))
            return NULL;
    if (*p == '.') {
        for (p++; is_digit(*p); p++, digits = true) {
            if (scale < FRACTION_MAX) { /* digits beyond count for nothing */
                fraction = fraction * 10 + (*p - '0');
                scale *= 10;
            }
        }
    }
    size_t len = 0;
    int64_t unit = digits ? unit_at(p, &len) : 0;
    if (unit == 0 || __builtin_mul_overflow(whole, unit, &whole) ||
        __builtin_add_overflow(*ns, whole, ns) ||
        __builtin_add_overflow(
            *ns, (int64_t)((double)fraction * ((double)unit / (double)scale) + 0.5), ns))
        return NULL;
    return p + len;
}

int time_parse_duration(const char *text, int64_t *ret_ms, Err *err)
{
    int64_t ns = 0;

    if (strcmp(text, "0") == 0) {
        *ret_ms = 0;
        return 0;
    }
    const char *p = text;
    do {
        p = parse_part(p, &ns);
        if (p == NULL)
            return bad_duration(text, err);
    } while (*p != '\0');
    *ret_ms = ns / 1000000;
    return 0;
}

/* ---- RFC 3339 -------------------------------------------------------------------------------- */

/* Days from 1970-01-01 in the proleptic Gregorian calendar, for any year >= 0. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Exactly n digits; -1 when they are not. */
static int fixed_digits(const char **p, int n)
{
    int value = 0;

    for (int i = 0; i < n; i++, (*p)++) {
        if (!is_digit(**p))
            return -1;
        value = value * 10 + (**p - '0');
    }
    return value;
}

static bool skip_char(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

/* "Z" or "+08:00" at the end of the text, as seconds east. */
static bool parse_zone(const char *p, int64_t *ret_offset)
{
    if (strcmp(p, "Z") == 0) {
        *ret_offset = 0;
        return true;
    }
    if (*p != '+' && *p != '-')
        return false;
    int sign = *p++ == '-' ? -1 : 1;
    int hours = fixed_digits(&p, 2);
    if (hours < 0 || hours > 23 || !skip_char(&p, ':'))
        return false;
    int minutes = fixed_digits(&p, 2);
    if (minutes < 0 || minutes > 59 || *p != '\0')
        return false;
    *ret_offset = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool skip_fraction(const char **p)
{
    if (**p != '.')
        return true;
    (*p)++;
    if (!is_digit(**p))
        return false;
    while (is_digit(**p))
        (*p)++;
    return true;
}

static bool parse_instant(const char *p, int64_t *ret_seconds)
{
    int year = fixed_digits(&p, 4);
    if (year < 0 || !skip_char(&p, '-'))
        return false;
    int month = fixed_digits(&p, 2);
    if (month < 1 || month > 12 || !skip_char(&p, '-'))
        return false;
    int day = fixed_digits(&p, 2);
    if (day < 1 || day > days_in_month(year, month) || !skip_char(&p, 'T'))
        return false;
    int hour = fixed_digits(&p, 2);
    if (hour < 0 || hour > 23 || !skip_char(&p, ':'))
        return false;
    int minute = fixed_digits(&p, 2);
    if (minute < 0 || minute > 59 || !skip_char(&p, ':'))
        return false;
    int second = fixed_digits(&p, 2);
    int64_t offset;
    if (second < 0 || second > 59 || !skip_fraction(&p) || !parse_zone(p, &offset))
        return false;
    *ret_seconds =
        days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    return true;
}

int time_parse_rfc3339(const char *text, int64_t *ret_seconds, bool *ret_zero, Err *err)
{
    const int64_t year_one = days_from_civil(1, 1, 1) * 86400;
    int64_t seconds = year_one;

    if (*text != '\0' && !parse_instant(text, &seconds))
        return err_set(err, ERR_INVALID,
                       "\"%.64s\" is not an RFC 3339 time: write it as 2030-01-31T12:00:00Z", text);
    *ret_seconds = seconds;
    *ret_zero = seconds == year_one;
    return 0;
}

/* ---- printing -------------------------------------------------------------------------------- */

void time_format_utc(int64_t seconds, char out[static TIME_TEXT_MAX])
{
    time_t t = (time_t)seconds;
    struct tm utc;

    if (gmtime_r(&t, &utc) == NULL) { /* the year does not fit an int */
        snprintf(out, TIME_TEXT_MAX, "<unknown>");
        return;
    }
    snprintf(out, TIME_TEXT_MAX, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02dZ",
             (int64_t)utc.tm_year + 1900, (utc.tm_mon + 1) % 100, utc.tm_mday % 100,
             utc.tm_hour % 100, utc.tm_min % 100, utc.tm_sec % 100);
}

void time_format_age(int64_t then, int64_t now, char out[static TIME_TEXT_MAX])
{
    int64_t age;

    if (__builtin_sub_overflow(now, then, &age))
        snprintf(out, TIME_TEXT_MAX, "<unknown>");
    else if (age < 60)
        snprintf(out, TIME_TEXT_MAX, "%" PRId64 "s", age);
    else if (age < 60 * 60)
        snprintf(out, TIME_TEXT_MAX, "%" PRId64 "m", age / 60);
    else if (age < 24 * 60 * 60)
        snprintf(out, TIME_TEXT_MAX, "%" PRId64 "h", age / (60 * 60));
    else
        snprintf(out, TIME_TEXT_MAX, "%" PRId64 "d", age / (24 * 60 * 60));
}

int64_t time_now_seconds(void)
{
    return (int64_t)time(NULL);
}

int64_t time_monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
