/* Times as people and the wire write them. */
#ifndef CARA_TIME_H
#define CARA_TIME_H

#include "cara/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_TEXT_MAX 48

/* "1m30s", "250ms", "1.5h" (Go's ParseDuration grammar, no sign) to milliseconds. */
int time_parse_duration(const char *text, int64_t *ret_ms, Err *err);

/* RFC 3339, upper-case T, zone obligatory. Nanoseconds since the epoch do not fit for year 1, so
 * the result is seconds since the epoch; *ret_zero tells Go's zero time (year 1) or an empty
 * string. */
int time_parse_rfc3339(const char *text, int64_t *ret_seconds, bool *ret_zero, Err *err);

/* "2026-11-20T16:25:13Z" */
void time_format_utc(int64_t seconds, char out[static TIME_TEXT_MAX]);

/* 59s, 59m, 23h, 7d: truncated, negative seconds for the future. */
void time_format_age(int64_t then, int64_t now, char out[static TIME_TEXT_MAX]);

int64_t time_now_seconds(void); /* wall clock */
int64_t time_monotonic_ms(void);

#endif
