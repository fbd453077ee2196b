#include "api.h"

#include "cara/mem.h"
#include "cara/version.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

int api_connect(const Ctl *ctl, int timeout_ms, Http **ret, Err *err)
{
    _cleanup_(mem_freep) char *agent = mem_printf("caractrl/%s", cara_version);
    HttpOptions options = {
        .base = ctl->server,
        .user_agent = agent,
        .timeout_ms = timeout_ms,
        .max_body = CTL_REPLY_MAX,
    };

    return http_new(&options, ret, err);
}

int api_unreachable(Err *err)
{
    size_t len = strlen(err->message);

    if (err->kind == ERR_UNAVAILABLE && strstr(err->message, ": dial ") != NULL)
        snprintf(err->message + len, sizeof(err->message) - len,
                 "; is cara-server running there? --server or CARA_SERVER chooses another");
    return -1;
}

bool api_may_pass(const Err *err)
{
    return err->kind == ERR_UNAVAILABLE || err->status >= 500 || err->status == 429;
}

static bool is_html(const HttpReply *reply)
{
    const char *type = reply->content_type != NULL ? reply->content_type : "";
    const char *start = reply->body + strspn(reply->body, " \t\r\n");

    return strncasecmp(type, "text/html", 9) == 0 || strncasecmp(start, "<!doctype", 9) == 0 ||
           strncasecmp(start, "<html", 5) == 0;
}

/* An HTML page says nothing to someone at a prompt; that there is one does. */
static int fail_html(const Ctl *ctl, const HttpReply *reply, Err *err)
{
    return err_set_status(err, ERR_HTTP, reply->status,
                          "server returned %d%s%s: an HTML page; is %.200s really cara-server? "
                          "--server or CARA_SERVER chooses another",
                          reply->status, *reply->reason != '\0' ? " " : "", reply->reason,
                          ctl->server);
}

int api_refused(const Ctl *ctl, const HttpReply *reply, Err *err)
{
    return is_html(reply) ? fail_html(ctl, reply, err) : http_problem(reply, err);
}

static int decode(const Ctl *ctl, const HttpReply *reply, json_t **ret, Err *err)
{
    json_error_t why;

    if (is_html(reply))
        return err_set(err, ERR_HTTP,
                       "decode response: an HTML page, not JSON; is %.200s really cara-server? "
                       "--server or CARA_SERVER chooses another",
                       ctl->server);
    if (reply->len == 0)
        return err_set(err, ERR_HTTP, "decode response: the answer is empty");
    json_t *value = json_loadb(reply->body, reply->len, JSON_ALLOW_NUL, &why);
    if (value == NULL)
        return err_set(err, ERR_HTTP, "decode response: %s (line %d, column %d)", why.text,
                       why.line, why.column);
    if (!json_is_object(value)) {
        json_decref(value);
        return err_set(err, ERR_HTTP, "decode response: not a JSON object");
    }
    *ret = value;
    return 0;
}

int api_call(Ctl *ctl, const char *method, const char *path, const char *body, int *ret_status,
             json_t **ret, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (ctl->http == NULL && api_connect(ctl, ctl->timeout_ms, &ctl->http, err) < 0)
        return -1;
    if (http_call(ctl->http, method, path, body, &reply, err) < 0)
        return api_unreachable(err);
    if (reply.status < 200 || reply.status > 299)
        return api_refused(ctl, &reply, err);
    if (ret != NULL && decode(ctl, &reply, ret, err) < 0)
        return -1;
    if (ret_status != NULL)
        *ret_status = reply.status;
    return 0;
}

char *api_item_path(const char *collection, const char *name)
{
    _cleanup_(mem_freep) char *escaped = http_escape(name);

    return mem_printf("%s/%s", collection, escaped);
}
