#include "rest.h"

#include "cara/buf.h"
#include "cara/http.h"
#include "cara/log.h"
#include "cara/time.h"
#include "cara/version.h"

#include <string.h>

#define TIMEOUT_MS         10000
#define CONNECT_TIMEOUT_MS 5000
#define ANSWER_MAX         (256 * 1024 * 1024)
#define DEATHS_AT_ONCE     (1024 * 1024) /* bytes of one request */
#define DEFAULT_PACE_MS    30000

struct Rest {
    Http *http;
    char *node;
    char *path; /* /api/v1/nodes/NAME */
};

int rest_new(const char *server_url, const char *node, Rest **ret, Err *err)
{
    _cleanup_(mem_freep) char *escaped = http_escape(node);
    _cleanup_(mem_freep) char *agent = mem_printf("cara-agent/%s", cara_version);
    const HttpOptions options = { .base = server_url,
                                  .user_agent = agent,
                                  .timeout_ms = TIMEOUT_MS,
                                  .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                  .max_body = ANSWER_MAX };
    Rest *rest = mem_alloc(sizeof(*rest));

    if (http_new(&options, &rest->http, err) < 0) {
        free(rest);
        return -1;
    }
    rest->node = mem_strdup(node);
    rest->path = mem_printf("/api/v1/nodes/%s", escaped);
    *ret = rest;
    return 0;
}

/* A call to /nodes/NAME and what follows; success is the one status that is expected. */
static int call(Rest *rest, const char *method, const char *rest_of_path, const char *body,
                int expect, HttpReply *reply, Err *err)
{
    _cleanup_(mem_freep) char *path = mem_printf("%s%s", rest->path, rest_of_path);

    if (http_call(rest->http, method, path, body, reply, err) < 0)
        return -1;
    if (reply->status == expect)
        return 0;
    http_problem(reply, err);
    if (reply->status == 404)
        err->kind = ERR_NOT_FOUND;
    else if (reply->status >= 500)
        err->kind = ERR_UNAVAILABLE;
    return -1;
}

int rest_register(Rest *rest, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    json_t *node =
        json_pack("{s:s, s:s, s:{s:s}, s:{s:s}}", "apiVersion", "caravanserai/v1", "kind", "Node",
                  "metadata", "name", rest->node, "spec", "hostname", rest->node);
    _cleanup_(mem_freep) char *body = json_dumps(node, JSON_COMPACT);

    json_decref(node);
    if (http_call(rest->http, "POST", "/api/v1/nodes", body, &reply, err) < 0)
        return -1;
    if (reply.status == 201 || reply.status == 409)
        return 0;
    return http_problem(&reply, err);
}

int rest_heartbeat(Rest *rest, const json_t *body, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    _cleanup_(mem_freep) char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;

    return call(rest, "POST", "/heartbeat", text, 204, &reply, err);
}

static int64_t pace(const json_t *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer, key));
    int64_t ms = 0;

    return text != NULL && time_parse_duration(text, &ms, NULL) == 0 && ms > 0 ? ms
                                                                               : DEFAULT_PACE_MS;
}

int rest_channel(Rest *rest, ChannelOffer *ret, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (call(rest, "POST", "/channel", "{\"kind\":\"postgres\"}", 200, &reply, err) < 0)
        return -1;
    json_t *answer = json_loadb(reply.body, reply.len, 0, NULL);
    const char *kind = json_string_value(json_object_get(answer, "kind"));
    if (kind == NULL) {
        json_decref(answer);
        return err_set(err, ERR_INVALID, "decode the channel: no kind");
    }
    *ret = (ChannelOffer){ .poll_ms = pace(answer, "pollInterval"),
                           .heartbeat_ms = pace(answer, "heartbeatInterval") };
    bool postgres = strcmp(kind, "postgres") == 0;
    if (postgres) {
        ret->conninfo = mem_strdup(json_string_value(json_object_get(answer, "conninfo")));
        ret->channel = mem_strdup(json_string_value(json_object_get(answer, "channel")));
    }
    json_decref(answer);
    if (postgres && (ret->conninfo == NULL || ret->channel == NULL)) {
        channel_offer_done(ret);
        return err_set(err, ERR_INVALID, "decode the channel: it has no conninfo or no name");
    }
    return 0;
}

void channel_offer_done(ChannelOffer *offer)
{
    if (offer->conninfo != NULL)
        explicit_bzero(offer->conninfo, strlen(offer->conninfo));
    free(offer->conninfo);
    free(offer->channel);
    *offer = (ChannelOffer){ 0 };
}

int rest_assignments(Rest *rest, Assignments *ret, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (call(rest, "GET", "/assignments", NULL, 200, &reply, err) < 0)
        return -1;
    return assignments_parse(reply.body, reply.len, ret, err);
}

static const json_t *result_of(const json_t *results, const char *project)
{
    size_t i;
    json_t *item;

    json_array_foreach (results, i, item) {
        const char *name = json_string_value(json_object_get(item, "project"));
        if (name != NULL && strcmp(name, project) == 0)
            return item;
    }
    return NULL;
}

static void settle(const OutboxBatch *batch, const json_t *results, Outbox *outbox, bool *stale)
{
    for (size_t i = 0; i < batch->count; i++) {
        const json_t *result = result_of(results, batch->projects[i]);
        json_int_t status = json_integer_value(json_object_get(result, "status"));
        const char *detail = json_string_value(json_object_get(result, "detail"));
        bool refused = status < 200 || status > 299;
        outbox_delivered(outbox, batch->projects[i], batch->texts[i], refused);
        if (refused) /* 404, 409: what we know is old, and is fetched anew */
            log_event(status == 404 || status == 409 ? LOG_DEBUG : LOG_WARN, "report refused",
                      "project=%s status=%d detail=%s", batch->projects[i], (int)status,
                      detail != NULL ? detail : "-");
        *stale |= status == 409 || status == 404;
    }
}

static void settle_deaths(const json_t *answer, Deaths *deaths, size_t count)
{
    const json_t *bytes = json_object_get(answer, "deathLogBytes");
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(answer, "deaths"), i, item) {
        const char *detail = json_string_value(json_object_get(item, "detail"));
        if (detail != NULL)
            log_debug("death refused", "detail=%s", detail);
    }
    if (json_is_integer(bytes) && json_integer_value(bytes) >= 0)
        deaths_set_log_bytes(deaths, (size_t)json_integer_value(bytes));
    deaths_delivered(deaths, count);
}

int rest_report(Rest *rest, const OutboxBatch *batch, Outbox *outbox, Deaths *deaths,
                bool *ret_stale, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    _cleanup_(buf_done) Buf body = { .max = ANSWER_MAX };

    buf_add_str(&body, "{\"reports\":[");
    for (size_t i = 0; i < batch->count; i++)
        buf_printf(&body, "%s%s", i > 0 ? "," : "", batch->texts[i]);
    size_t death_count = 0;
    _cleanup_(mem_freep) char *death_texts = deaths_take(deaths, DEATHS_AT_ONCE, &death_count);
    buf_add_str(&body, "]");
    if (death_texts != NULL)
        buf_printf(&body, ",\"deaths\":%s", death_texts);
    buf_add_str(&body, "}");
    if (call(rest, "POST", "/report", buf_str(&body), 200, &reply, err) < 0)
        return -1;
    json_t *answer = json_loadb(reply.body, reply.len, 0, NULL);
    settle(batch, json_object_get(answer, "results"), outbox, ret_stale);
    settle_deaths(answer, deaths, death_count);
    json_decref(answer);
    return 0;
}
