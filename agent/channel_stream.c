#include "channel_ops.h"

#include "cara/http.h"
#include "cara/time.h"
#include "cara/version.h"
#include "sse.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define OPEN_TIMEOUT_MS 5000
#define SILENCE_MAX_MS  40000 /* the server says something each 15 s */

typedef struct StreamChannel {
    AgentChannel base;
    Http *http;
    CURL *easy; /* the http's */
    CURLM *multi;
    struct curl_slist *headers;
    Sse sse;
    size_t wakes;     /* read and not yet told */
    bool talking;     /* the head of the answer is there, and it is what we want */
    bool over;        /* libcurl is done with it */
    char why[160];    /* ... and said this */
    int refused;      /* the status of an answer that is not what we want, or 0 */
    int64_t heard_at; /* monotonic, ms */
} StreamChannel;

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    StreamChannel *channel = arg;

    channel->heard_at = time_monotonic_ms();
    if (channel->talking)
        channel->wakes += sse_read(&channel->sse, data, size * count);
    return size * count;
}

static bool is_event_stream(CURL *easy)
{
    long status = 0;
    const char *type = NULL;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    return status == 200 && type != NULL && strncmp(type, "text/event-stream", 17) == 0;
}

/* The empty line that ends the head. */
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    StreamChannel *channel = arg;
    size_t len = size * count;

    if (len <= 2 && (data[0] == '\r' || data[0] == '\n')) {
        channel->heard_at = time_monotonic_ms();
        channel->talking = is_event_stream(channel->easy);
    }
    return len;
}

/* Never libcurl's own words for the error buffer: they may quote the URL. */
static void note_end(StreamChannel *channel)
{
    int left;
    CURLMsg *message = curl_multi_info_read(channel->multi, &left);
    long status = 0;

    if (message == NULL || message->msg != CURLMSG_DONE)
        return;
    channel->over = true;
    curl_easy_getinfo(channel->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 0 && !channel->talking) {
        channel->refused = (int)status;
        snprintf(channel->why, sizeof(channel->why), "the server answers %ld", status);
    } else if (message->data.result == CURLE_OK) {
        snprintf(channel->why, sizeof(channel->why), "the server ended it");
    } else {
        snprintf(channel->why, sizeof(channel->why), "%s",
                 curl_easy_strerror(message->data.result));
    }
}

/* Lets libcurl do what it can without waiting. */
static int advance(StreamChannel *channel, Err *err)
{
    int running;

    if (!channel->over && curl_multi_perform(channel->multi, &running) != CURLM_OK)
        return err_set(err, ERR_SYSTEM, "read the wake-up stream: libcurl cannot go on");
    if (!channel->over)
        note_end(channel);
    if (channel->over)
        return err_set_status(err, ERR_HTTP, channel->refused, "the wake-up stream: %s",
                              channel->why);
    return 0;
}

static void close_stream(AgentChannel *base)
{
    StreamChannel *channel = (StreamChannel *)base;

    if (channel->multi != NULL) {
        curl_multi_remove_handle(channel->multi, channel->easy);
        curl_multi_cleanup(channel->multi);
    }
    http_free(channel->http);
    curl_slist_free_all(channel->headers);
    free(channel);
}

static bool wait_for_stream(AgentChannel *base, int fd, int wait_ms)
{
    StreamChannel *channel = (StreamChannel *)base;
    struct curl_waitfd extra = { .fd = fd, .events = CURL_WAIT_POLLIN };
    int64_t patience = channel->heard_at + SILENCE_MAX_MS - time_monotonic_ms();

    if (patience < wait_ms)
        wait_ms = patience > 0 ? (int)patience : 0;
    curl_multi_poll(channel->multi, &extra, 1, wait_ms, NULL);
    return (extra.revents & CURL_WAIT_POLLIN) != 0;
}

static int read_stream(AgentChannel *base, bool *ret_woken, Err *err)
{
    StreamChannel *channel = (StreamChannel *)base;

    if (advance(channel, err) < 0)
        return -1;
    if (time_monotonic_ms() - channel->heard_at >= SILENCE_MAX_MS)
        return err_set(err, ERR_UNAVAILABLE, "the wake-up stream: silent for %d s",
                       SILENCE_MAX_MS / 1000);
    *ret_woken = channel->wakes > 0;
    channel->wakes = 0;
    return 0;
}

static int64_t spread_of_stream(const AgentChannel *base)
{
    return ((const StreamChannel *)base)->sse.retry_ms;
}

static const ChannelOps ops = { .close = close_stream,
                                .wait = wait_for_stream,
                                .read = read_stream,
                                .spread_ms = spread_of_stream };

/* Cuts "?token=..." off, for a header: URLs are written into the logs of whatever stands between.
 * NULL, and nothing is cut, when the token is not all of the query. */
static const char *cut_token(char *url)
{
    char *mark = strstr(url, "?token=");
    char *token = mark != NULL ? mark + strlen("?token=") : NULL;

    if (token == NULL || token[strcspn(token, "&#%")] != '\0')
        return NULL;
    *mark = '\0';
    return token;
}

static int set_up(StreamChannel *channel, const char *given, Err *err)
{
    _cleanup_(mem_freep) char *url = mem_strdup(given);
    const char *token = cut_token(url);
    _cleanup_(mem_freep) char *agent = mem_printf("cara-agent/%s", cara_version);
    const HttpOptions options = { .base = url,
                                  .user_agent = agent,
                                  .connect_timeout_ms = OPEN_TIMEOUT_MS };

    if (http_new(&options, &channel->http, err) < 0)
        return -1;
    channel->easy = http_handle(channel->http);
    channel->multi = curl_multi_init();
    channel->headers = curl_slist_append(NULL, "Accept: text/event-stream");
    if (token != NULL) {
        _cleanup_(mem_freep) char *header = mem_printf("Authorization: Bearer %s", token);
        channel->headers = curl_slist_append(channel->headers, header);
    }
    if (channel->multi == NULL || channel->headers == NULL)
        return err_set(err, ERR_SYSTEM, "cannot set up the wake-up stream (libcurl)");
    curl_easy_setopt(channel->easy, CURLOPT_URL, url);
    curl_easy_setopt(channel->easy, CURLOPT_HTTPHEADER, channel->headers);
    curl_easy_setopt(channel->easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(channel->easy, CURLOPT_WRITEDATA, channel);
    curl_easy_setopt(channel->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(channel->easy, CURLOPT_HEADERDATA, channel);
    curl_multi_add_handle(channel->multi, channel->easy);
    return 0;
}

int agent_channel_open_stream(const char *url, AgentChannel **ret, Err *err)
{
    StreamChannel *channel = mem_alloc(sizeof(*channel));
    _cleanup_(agent_channel_closep) AgentChannel *closing = &channel->base;
    int64_t deadline = time_monotonic_ms() + OPEN_TIMEOUT_MS;

    channel->base.ops = &ops;
    channel->heard_at = time_monotonic_ms();
    if (set_up(channel, url, err) < 0)
        return -1;
    while (!channel->talking) {
        int64_t left = deadline - time_monotonic_ms();
        if (advance(channel, err) < 0)
            return -1;
        if (left <= 0)
            return err_set(err, ERR_HTTP, "the wake-up stream: no answer within %d s",
                           OPEN_TIMEOUT_MS / 1000);
        if (!channel->talking)
            curl_multi_poll(channel->multi, NULL, 0, (int)left, NULL);
    }
    *ret = TAKE_PTR(closing);
    return 0;
}
