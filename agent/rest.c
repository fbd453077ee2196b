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
#define RETRY_AFTER_MAX_S  60
#define DEATHS_AT_ONCE     (1024 * 1024) /* bytes of one request */

struct Rest {
    Http *http;
    char *base; /* without a slash at its end */
    char *node;
    char *path;                                   /* /api/v1/nodes/NAME */
    char etag[sizeof(((HttpReply *)NULL)->etag)]; /* of the assignments we have */
    int64_t retry_after_ms;
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
    rest->base = mem_strdup(server_url);
    for (size_t n = strlen(rest->base); n > 0 && rest->base[n - 1] == '/'; n--)
        rest->base[n - 1] = '\0';
    rest->node = mem_strdup(node);
    rest->path = mem_printf("/api/v1/nodes/%s", escaped);
    *ret = rest;
    return 0;
}

static int refused(Rest *rest, const HttpReply *reply, Err *err)
{
    int seconds = reply->retry_after < RETRY_AFTER_MAX_S ? reply->retry_after : RETRY_AFTER_MAX_S;

    http_problem(reply, err);
    if (reply->status == 404)
        err->kind = ERR_NOT_FOUND;
    else if (reply->status >= 500 || reply->status == 429)
        err->kind = ERR_UNAVAILABLE;
    rest->retry_after_ms = (int64_t)seconds * 1000;
    return -1;
}

/* POST to /nodes/NAME and what follows. 204 is as good as 200. */
static int post(Rest *rest, const char *rest_of_path, const char *body, HttpReply *reply, Err *err)
{
    _cleanup_(mem_freep) char *path = mem_printf("%s%s", rest->path, rest_of_path);

    rest->retry_after_ms = 0;
    if (http_call(rest->http, "POST", path, body, reply, err) < 0)
        return -1;
    return reply->status == 200 || reply->status == 204 ? 0 : refused(rest, reply, err);
}

int rest_register(Rest *rest, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    json_t *node =
        json_pack("{s:s, s:s, s:{s:s}, s:{s:s}}", "apiVersion", "caravanserai/v1", "kind", "Node",
                  "metadata", "name", rest->node, "spec", "hostname", rest->node);
    _cleanup_(mem_freep) char *body = json_dumps(node, JSON_COMPACT);

    json_decref(node);
    rest->retry_after_ms = 0;
    if (http_call(rest->http, "POST", "/api/v1/nodes", body, &reply, err) < 0)
        return -1;
    if (reply.status == 201 || reply.status == 409)
        return 0;
    return refused(rest, &reply, err);
}

static int64_t pace(const json_t *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer, key));
    int64_t ms = 0;

    return text != NULL && time_parse_duration(text, &ms, NULL) == 0 && ms > 0 ? ms : 0;
}

static Paces read_paces(const json_t *answer)
{
    return (Paces){ .poll_ms = pace(answer, "pollInterval"),
                    .heartbeat_ms = pace(answer, "heartbeatInterval") };
}

int rest_heartbeat(Rest *rest, const json_t *body, Paces *ret, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    _cleanup_(mem_freep) char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;

    if (post(rest, "/heartbeat", text, &reply, err) < 0)
        return -1;
    json_t *answer = json_loadb(reply.body, reply.len, 0, NULL);
    *ret = read_paces(answer);
    json_decref(answer);
    return 0;
}

static char *copy_of(const json_t *answer, const char *key)
{
    return mem_strdup(json_string_value(json_object_get(answer, key)));
}

/* A path is one on the server that we talk to. */
static char *absolute(const Rest *rest, char *url)
{
    if (url == NULL || url[0] != '/')
        return url;
    char *whole = mem_printf("%s%s", rest->base, url);
    free(url);
    return whole;
}

static int read_offer(const Rest *rest, const json_t *answer, ChannelOffer *ret, Err *err)
{
    const char *kind = json_string_value(json_object_get(answer, "kind"));
    _cleanup_(channel_offer_done) ChannelOffer offer = { .paces = read_paces(answer) };

    if (kind == NULL || channel_kind_parse(kind, &offer.kind) < 0)
        return err_set(err, ERR_INVALID, "decode the channel: no kind that is known");
    if (offer.kind == CHANNEL_POSTGRES) {
        offer.conninfo = copy_of(answer, "conninfo");
        offer.channel = copy_of(answer, "channel");
        if (offer.conninfo == NULL || offer.channel == NULL)
            return err_set(err, ERR_INVALID, "decode the channel: it has no conninfo or no name");
    } else if (offer.kind == CHANNEL_STREAM) {
        offer.url = absolute(rest, copy_of(answer, "url"));
        if (offer.url == NULL)
            return err_set(err, ERR_INVALID, "decode the channel: it has no url");
    }
    *ret = offer;
    offer = (ChannelOffer){ 0 };
    return 0;
}

int rest_channel(Rest *rest, const char *kind, ChannelOffer *ret, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    _cleanup_(mem_freep) char *body =
        kind != NULL ? mem_printf("{\"kind\":\"%s\"}", kind) : mem_strdup("{}");

    if (post(rest, "/channel", body, &reply, err) < 0)
        return -1;
    json_t *answer = json_loadb(reply.body, reply.len, 0, NULL);
    int rc = read_offer(rest, answer, ret, err);
    json_decref(answer);
    explicit_bzero(reply.body, reply.len);
    return rc;
}

static void forget(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void channel_offer_done(ChannelOffer *offer)
{
    forget(offer->conninfo);
    forget(offer->url);
    free(offer->channel);
    *offer = (ChannelOffer){ 0 };
}

int rest_assignments(Rest *rest, Assignments *ret, bool *ret_changed, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    _cleanup_(mem_freep) char *path = mem_printf("%s/assignments", rest->path);

    rest->retry_after_ms = 0;
    if (http_get_if_changed(rest->http, path, rest->etag, &reply, err) < 0)
        return -1;
    if (reply.status == 304 && rest->etag[0] != '\0') {
        *ret_changed = false;
        return 0;
    }
    if (reply.status != 200)
        return refused(rest, &reply, err);
    if (assignments_parse(reply.body, reply.len, ret, err) < 0)
        return -1;
    memcpy(rest->etag, reply.etag, sizeof(rest->etag));
    *ret_changed = true;
    return 0;
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
    if (post(rest, "/report", buf_str(&body), &reply, err) < 0)
        return -1;
    json_t *answer = json_loadb(reply.body, reply.len, 0, NULL);
    settle(batch, json_object_get(answer, "results"), outbox, ret_stale);
    settle_deaths(answer, deaths, death_count);
    json_decref(answer);
    return 0;
}

int64_t rest_retry_after_ms(const Rest *rest)
{
    return rest->retry_after_ms;
}
