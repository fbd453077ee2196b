#include "cara/problem.h"

#include "cara/mem.h"
#include "cara/text.h"

#include <string.h>

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
    { 502, "Bad Gateway", NULL },
    { 503, "Service Unavailable", NULL },
    { 504, "Gateway Timeout", NULL },
};

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
