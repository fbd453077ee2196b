#include "problem.h"

#include "cara/mem.h"
#include "text.h"

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

static const struct {
    int status;
    const char *reason;
    const char *title; /* NULL: the reason */
} statuses[] = {
    { 200, "OK", NULL },
    { 201, "Created", NULL },
    { 202, "Accepted", NULL },
    { 204, "No Content", NULL },
    { 301, "Moved Permanently", NULL },
    { 304, "Not Modified", NULL },
    { 307, "Temporary Redirect", NULL },
    { 400, "Bad Request", "Validation Problem" },
    { 401, "Unauthorized", NULL },
    { 403, "Forbidden", NULL },
    { 404, "Not Found", NULL },
    { 405, "Method Not Allowed", NULL },
    { 409, "Conflict", NULL },
    { 410, "Gone", NULL },
    { 413, "Request Entity Too Large", NULL },
    { 417, "Expectation Failed", NULL },
    { 500, "Internal Server Error", NULL },
    { 503, "Service Unavailable", NULL },
};

const ProblemRule *problem_rule(const char *sqlstate)
{
    for (size_t i = 0; sqlstate != NULL && i < ARRAY_LEN(rules); i++)
        if (strncmp(sqlstate, rules[i].sqlstate, strlen(rules[i].sqlstate)) == 0)
            return &rules[i];
    return &unexpected;
}

const char *problem_reason(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].reason;
    return "Unknown";
}

const char *problem_title(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status && statuses[i].title != NULL)
            return statuses[i].title;
    return problem_reason(status);
}

void problem_write(Buf *out, int status, const char *detail, const char *field)
{
    const char *title = problem_title(status);

    buf_add_str(out, "{\"title\":");
    text_add_json(out, title, strlen(title));
    buf_printf(
        out,
        ",\"status\":%d,\"type\":\"https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/%d\"",
        status, status);
    buf_add_str(out, ",\"detail\":");
    text_add_json(out, detail, strlen(detail));
    if (field != NULL && *field != '\0') {
        buf_add_str(out, ",\"field\":");
        text_add_json(out, field, strlen(field));
    }
    buf_add_str(out, "}");
}
