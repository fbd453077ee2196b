#include "request.h"

#include <string.h>
#include <strings.h>

h2o_iovec_t request_header(const h2o_req_t *req, const h2o_token_t *name)
{
    ssize_t at = h2o_find_header(&req->headers, name, -1);

    return at != -1 ? req->headers.entries[at].value : h2o_iovec_init(NULL, 0);
}

bool request_split_target(const char *target, size_t len, RequestTarget *ret)
{
    static const char scheme[] = "http://";

    if (len > sizeof(scheme) - 1 && strncasecmp(target, scheme, sizeof(scheme) - 1) == 0) {
        const char *slash = memchr(target + sizeof(scheme) - 1, '/', len - (sizeof(scheme) - 1));
        if (slash == NULL)
            return false;
        len -= (size_t)(slash - target);
        target = slash;
    }
    if (len == 0 || target[0] != '/')
        return false;
    const char *mark = memchr(target, '?', len);
    ret->path = target;
    ret->path_len = mark != NULL ? (size_t)(mark - target) : len;
    ret->query = mark != NULL ? mark + 1 : target + len;
    ret->query_len = mark != NULL ? len - ret->path_len - 1 : 0;
    return true;
}

static bool starts_with(const char *line, size_t len, const char *name)
{
    size_t n = strlen(name);

    return len >= n && memcmp(line, name, n) == 0;
}

bool request_head_is_ambiguous(const char *head, size_t len)
{
    const char *end = head + len;
    const char *line = memchr(head, '\n', len);
    int told = 0;

    while (line != NULL && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        size_t n = next != NULL ? (size_t)(next - line) : (size_t)(end - line);
        if (n == 0 || (n == 1 && line[0] == '\r'))
            break;
        told +=
            starts_with(line, n, "content-length:") || starts_with(line, n, "transfer-encoding:");
        line = next;
    }
    return told > 1;
}

bool request_framing_is_ambiguous(h2o_req_t *req)
{
    if (req->entity.base == NULL)
        return false;
    /* libh2o keeps the head at the front of the input until the answer has left */
    const h2o_buffer_t *input = req->conn->callbacks->get_socket(req->conn)->input;
    return request_head_is_ambiguous(input->bytes, input->size);
}
