#include "problem.h"

#include "cara/mem.h"

#include <string.h>

/* Class SR is ours: what follows is the HTTP status. tests/contract holds these rows against the
 * codes that the functions of db/ raise. */
static const ProblemRule rules[] = {
    { "SR400", 400, PROBLEM_MESSAGE },     /* what was sent is not valid */
    { "SR401", 401, PROBLEM_MESSAGE },     /* nobody we know */
    { "SR403", 403, PROBLEM_MESSAGE },     /* known, but may not */
    { "SR404", 404, PROBLEM_MESSAGE },     /* no such thing */
    { "SR409", 409, PROBLEM_MESSAGE },     /* exists, or its state does not allow it */
    { "SR410", 410, PROBLEM_MESSAGE },     /* too far behind: list again */
    { "SR413", 413, PROBLEM_MESSAGE },     /* too large to keep */
    { "SR500", 500, PROBLEM_INTERNAL },    /* what only an operator can mend: logged */
    { "SR503", 503, PROBLEM_MESSAGE },     /* not now */
    { "22P02", 400, PROBLEM_BODY },        /* not JSON */
    { "22P05", 400, PROBLEM_BODY },        /* \u0000 in a string */
    { "22021", 400, PROBLEM_BODY },        /* not UTF-8 */
    { "22003", 400, PROBLEM_BODY },        /* a number no numeric can hold */
    { "54000", 400, PROBLEM_BODY },        /* more members, or longer, than jsonb can hold */
    { "54001", 400, PROBLEM_BODY },        /* nested too deeply */
    { "08", 503, PROBLEM_UNAVAILABLE },    /* connection exceptions */
    { "25006", 503, PROBLEM_UNAVAILABLE }, /* a primary that became a standby */
    { "40001", 503, PROBLEM_UNAVAILABLE }, /* serialization failure, after the retry */
    { "40P01", 503, PROBLEM_UNAVAILABLE }, /* deadlock, after the retry */
    { "53300", 503, PROBLEM_UNAVAILABLE }, /* too many connections */
    { "55P03", 503, PROBLEM_UNAVAILABLE }, /* lock not available, after the retry */
    { "57014", 503, PROBLEM_UNAVAILABLE }, /* statement timeout */
    { "57P01", 503, PROBLEM_UNAVAILABLE }, /* the administrator shut Postgres down */
    { "57P02", 503, PROBLEM_UNAVAILABLE }, /* it crashed */
    { "57P03", 503, PROBLEM_UNAVAILABLE }, /* it is starting */
};
static const ProblemRule unexpected = { "", 500, PROBLEM_INTERNAL };

const ProblemRule *problem_rule(const char *sqlstate)
{
    for (size_t i = 0; sqlstate != NULL && i < ARRAY_LEN(rules); i++)
        if (strncmp(sqlstate, rules[i].sqlstate, strlen(rules[i].sqlstate)) == 0)
            return &rules[i];
    return &unexpected;
}
