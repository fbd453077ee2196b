#include "ingress_page.h"

#include "cara/mem.h"
#include "ingress_head.h"

#include <string.h>

#define BODY_BYTES_MAX 8192

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 301, "Moved Permanently" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 404, "Not Found" },
    { 408, "Request Timeout" },
    { 421, "Misdirected Request" },
    { 431, "Request Header Fields Too Large" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 504, "Gateway Timeout" },
};

const char *page_reason(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

static void add_escaped(Buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            buf_add_str(out, "&lt;");
            break;
        case '>':
            buf_add_str(out, "&gt;");
            break;
        case '&':
            buf_add_str(out, "&amp;");
            break;
        case '"':
            buf_add_str(out, "&#34;");
            break;
        case '\'':
            buf_add_str(out, "&#39;");
            break;
        default:
            buf_add(out, text, 1);
        }
    }
}

static void write_html(const Page *page, Buf *out)
{
    const char *reason = page_reason(page->status);

    buf_printf(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>%d %s</title>\n<style>\n"
        "body { font: 1.1rem/1.5 system-ui, sans-serif; margin: 15vh auto 0; max-width: 34rem;"
        " padding: 0 1.5rem; color: #222; background: #fafafa }\n"
        "h1 { font-size: 4rem; margin: 0; line-height: 1 }\n"
        "h2 { font-weight: 400; margin: 0 0 1.5rem }\n"
        "footer { margin-top: 3rem; padding-top: 0.5rem; border-top: 1px solid #ccc;"
        " color: #777; font-size: 0.85rem }\n"
        "@media (prefers-color-scheme: dark) { body { color: #ddd; background: #1b1b1b } }\n"
        "</style>\n</head>\n<body>\n<h1>%d</h1>\n<h2>%s</h2>\n<p>",
        page->status, reason, page->status, reason);
    add_escaped(out, page->detail);
    buf_add_str(out, "</p>\n<footer>Caravanserai Proxy</footer>\n</body>\n</html>\n");
}

void page_write(const Page *page, Buf *out)
{
    _cleanup_(buf_done) Buf body = { .max = BODY_BYTES_MAX };

    if (page->html)
        write_html(page, &body);
    else
        buf_printf(&body, "%d %s: %s\n", page->status, page_reason(page->status), page->detail);
    buf_printf(out, "HTTP/1.1 %d %s\r\ncontent-type: text/%s; charset=utf-8\r\n", page->status,
               page_reason(page->status), page->html ? "html" : "plain");
    buf_printf(out, "content-length: %zu\r\nx-content-type-options: nosniff\r\n", body.len);
    if (page->location != NULL)
        buf_printf(out, "location: %s\r\n", page->location);
    else
        buf_add_str(out, "cache-control: no-store\r\n");
    if (page->hop != NULL)
        buf_printf(out, HOP_HEADER ": %s\r\n", page->hop);
    if (!page->keep_alive)
        buf_add_str(out, "connection: close\r\n");
    buf_add_str(out, "\r\n");
    if (!page->is_head)
        buf_add(out, body.data, body.len);
}
