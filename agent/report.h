/* What is said to the control plane about one project, as the JSON that goes out. */
#ifndef AGENT_REPORT_H
#define AGENT_REPORT_H

#include "plan.h"

#include <jansson.h>

typedef struct Report {
    char *project;
    const char *phase; /* one of the PHASE_ words; NULL when only services are told */
    char *text;        /* the JSON object; the same state gives the same bytes */
} Report;

/* From what the last plan saw. A leftover, which no assignment names, has no report: project is
 * NULL. */
void report_build(const Desired *desired, const Plan *plan, const History *history, Report *ret);

/* For when there is no plan, as the engine could not be looked at. */
void report_build_failure(const Desired *desired, const char *reason, const char *message,
                          Report *ret);

/* Sets a member to a time with milliseconds; not when it is 0. */
void report_set_time(json_t *object, const char *key, int64_t ms);

void report_done(Report *report);

#endif
