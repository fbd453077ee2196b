#include "cara/http.h"

#include "cara/buf.h"
#include "cara/mem.h"
#include "cara/time.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_CONNECT_TIMEOUT_MS 10000
#define MAX_REDIRECTS              10

struct Http {
    CURL *curl;
    struct curl_slist *json_headers;
    struct curl_slist *plain_headers; /* of calls without a body; NULL for none */
    struct curl_slist *extra_headers; /* of the call under way, instead of those */
    char *base;                       /* without trailing slashes */
    int timeout_ms;
    size_t max_body;
    char dialled[128]; /* the first address tried by the call under way */
    char curl_error[CURL_ERROR_SIZE];
};

/* What the callbacks of one call share. */
typedef struct Call {
    Http *http;
    HttpReply *reply;
    HttpSink sink; /* NULL: everything lands in body */
    void *arg;
    Buf body;
    bool stopped;             /* by the sink, or by the tick */
    const HttpFollow *follow; /* NULL for other calls */
    int64_t began_ms;
    int64_t heard_ms; /* when something came last */
    bool idle;        /* ended since nothing came */
} Call;

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Libcurl opens its sockets through this, so that an error can name the address as Go's does. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    Http *http = arg;
    char ip[INET6_ADDRSTRLEN] = "";

    (void)purpose;
    if (http->dialled[0] == '\0') {
        if (address->family == AF_INET) {
            const struct sockaddr_in *in = (const struct sockaddr_in *)(void *)&address->addr;
            inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
            snprintf(http->dialled, sizeof(http->dialled), "tcp %s:%u", ip, ntohs(in->sin_port));
        } else if (address->family == AF_INET6) {
            const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(void *)&address->addr;
            inet_ntop(AF_INET6, &in->sin6_addr, ip, sizeof(ip));
            snprintf(http->dialled, sizeof(http->dialled), "tcp [%s]:%u", ip, ntohs(in->sin6_port));
        } else {
            const struct sockaddr_un *un = (const struct sockaddr_un *)(void *)&address->addr;
            snprintf(http->dialled, sizeof(http->dialled), "unix %.100s", un->sun_path);
        }
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The value of "NAME: value\r\n" without blanks around it; false when it is another header or does
 * not fit. */
static bool header_value(const char *data, size_t len, const char *name, char *out, size_t size)
{
    size_t start = strlen(name);

    if (len <= start || strncasecmp(data, name, start) != 0 || data[start] != ':')
        return false;
    for (start++; start < len && (data[start] == ' ' || data[start] == '\t'); start++)
        ;
    while (len > start && strchr(" \t\r\n", data[len - 1]) != NULL)
        len--;
    if (len - start >= size)
        return false;
    memcpy(out, data + start, len - start);
    out[len - start] = '\0';
    return true;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    Call *call = arg;
    size_t len = size * count;
    char number[8];

    call->heard_ms = time_monotonic_ms();
    if (len > 5 && memcmp(data, "HTTP/", 5) == 0) { /* "HTTP/1.1 404 Not Found\r\n" */
        const char *phrase = memchr(data, ' ', len);
        size_t skip = phrase != NULL ? (size_t)(phrase - data) + 5 : len;
        size_t n = skip < len ? len - skip : 0;
        while (n > 0 && (data[skip + n - 1] == '\r' || data[skip + n - 1] == '\n'))
            n--;
        snprintf(call->reply->reason, sizeof(call->reply->reason), "%.*s", (int)n,
                 n > 0 ? data + skip : "");
        call->reply->etag[0] = '\0'; /* what came before was a redirect's */
        call->reply->retry_after = 0;
    }
    header_value(data, len, "ETag", call->reply->etag, sizeof(call->reply->etag));
    if (header_value(data, len, "Retry-After", number, sizeof(number)) && number[0] >= '0' &&
        number[0] <= '9')
        call->reply->retry_after = (int)strtol(number, NULL, 10);
    return len;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    Call *call = arg;
    size_t len = size * count;

    call->heard_ms = time_monotonic_ms();
    if (call->sink != NULL) {
        long status = 0;
        curl_easy_getinfo(call->http->curl, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200 && status < 300) {
            call->stopped = !call->sink(call->arg, data, len);
            return call->stopped ? CURL_WRITEFUNC_ERROR : len;
        }
    }
    return buf_add(&call->body, data, len) == 0 ? len : CURL_WRITEFUNC_ERROR;
}

/* Libcurl calls this about once a second, and more often while there is something to do. */
static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    Call *call = arg;
    const HttpFollow *follow = call->follow;

    (void)down_total, (void)down, (void)up_total, (void)up;
    call->idle = follow->idle_ms > 0 && time_monotonic_ms() - call->heard_ms >= follow->idle_ms;
    call->stopped = call->stopped || (follow->tick != NULL && !follow->tick(follow->arg));
    return call->idle || call->stopped;
}

/* Go's net/http never sends loopback through a proxy, whatever the environment says. */
static bool is_loopback(const char *base)
{
    CURLU *url = curl_url();
    char *host = NULL;
    bool loopback = false;

    if (url != NULL && curl_url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        loopback = strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
                   strcmp(host, "[::1]") == 0;
    curl_free(host);
    curl_url_cleanup(url);
    return loopback;
}

static void set_options(Http *http, const HttpOptions *options)
{
    CURL *curl = http->curl;
    long connect_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : DEFAULT_CONNECT_TIMEOUT_MS;

    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->curl_error);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 30L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, http);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
    if (options->user_agent != NULL)
        curl_easy_setopt(curl, CURLOPT_USERAGENT, options->user_agent);
    if (options->unix_socket != NULL)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, options->unix_socket);
    if (options->unix_socket != NULL || is_loopback(http->base))
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

int http_new(const HttpOptions *options, Http **ret, Err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, global_init);
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return err_set(err, ERR_SYSTEM, "cannot set up an HTTP client (libcurl)");
    Http *http = mem_alloc(sizeof(*http));
    http->curl = curl;
    http->base = mem_strdup(options->base);
    for (size_t n = strlen(http->base); n > 0 && http->base[n - 1] == '/'; n--)
        http->base[n - 1] = '\0';
    http->timeout_ms = options->timeout_ms;
    http->max_body = options->max_body;
    http->json_headers = curl_slist_append(NULL, "Content-Type: application/json");
    http->json_headers = curl_slist_append(http->json_headers, "Expect:");
    if (options->accept != NULL) {
        _cleanup_(mem_freep) char *accept = mem_printf("Accept: %s", options->accept);
        http->plain_headers = curl_slist_append(NULL, accept);
    }
    set_options(http, options);
    *ret = http;
    return 0;
}

void http_free(Http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    curl_slist_free_all(http->json_headers);
    curl_slist_free_all(http->plain_headers);
    free(http->base);
    free(http);
}

/* "GET" as Go's url.Error writes it: "Get". */
static void method_word(const char *method, char out[static 16])
{
    size_t i = 0;

    for (; method[i] != '\0' && i < 15; i++)
        out[i] = (char)(i > 0 && method[i] >= 'A' && method[i] <= 'Z' ? method[i] + 32 : method[i]);
    out[i] = '\0';
}

/* strerror() in the lower case Go uses. */
static const char *errno_words(long code, char out[static 96])
{
    char text[96];
    const char *words = strerror_r((int)code, text, sizeof(text));

    snprintf(out, 96, "%s", words);
    if (out[0] >= 'A' && out[0] <= 'Z')
        out[0] = (char)(out[0] + 32);
    return out;
}

static int transport_error(Http *http, CURLcode code, const char *method, const char *url, Err *err)
{
    char verb[16];
    char words[96];
    long os_errno = 0;
    long sent = 0;

    method_word(method, verb);
    curl_easy_getinfo(http->curl, CURLINFO_OS_ERRNO, &os_errno);
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        curl_easy_getinfo(http->curl, CURLINFO_REQUEST_SIZE, &sent);
        if (sent > 0) /* it is what came back that libcurl cannot take */
            return err_set(err, ERR_UNAVAILABLE,
                           "request failed: %s \"%s\": malformed HTTP response", verb, url);
        return err_set(err, ERR_INVALID,
                       "build request: %s \"%s\": not a usable http:// or https:// URL", verb, url);
    case CURLE_COULDNT_RESOLVE_HOST: {
        const char *host = strstr(http->base, "://");
        host = host != NULL ? host + 3 : http->base;
        const char *at = memchr(host, '@', strcspn(host, "/"));
        host = at != NULL ? at + 1 : host;
        return err_set(err, ERR_UNAVAILABLE,
                       "request failed: %s \"%s\": dial tcp: lookup %.*s: no such host", verb, url,
                       (int)strcspn(host, ":/"), host);
    }
    case CURLE_COULDNT_CONNECT:
        return err_set(err, ERR_UNAVAILABLE, "request failed: %s \"%s\": dial %s: connect: %s",
                       verb, url, http->dialled,
                       os_errno != 0 ? errno_words(os_errno, words) : http->curl_error);
    case CURLE_OPERATION_TIMEDOUT: {
        double connected = 0;
        curl_easy_getinfo(http->curl, CURLINFO_CONNECT_TIME, &connected);
        if (connected <= 0 && http->dialled[0] != '\0')
            return err_set(err, ERR_UNAVAILABLE, "request failed: %s \"%s\": dial %s: i/o timeout",
                           verb, url, http->dialled);
        return err_set(err, ERR_UNAVAILABLE, "request failed: %s \"%s\": no answer within %d ms",
                       verb, url, http->timeout_ms);
    }
    case CURLE_GOT_NOTHING:
        return err_set(err, ERR_UNAVAILABLE, "request failed: %s \"%s\": EOF", verb, url);
    case CURLE_PARTIAL_FILE:
        return err_set(err, ERR_UNAVAILABLE, "request failed: %s \"%s\": unexpected EOF", verb,
                       url);
    default:
        return err_set(err, ERR_UNAVAILABLE, "request failed: %s \"%s\": %s", verb, url,
                       http->curl_error[0] != '\0' ? http->curl_error : curl_easy_strerror(code));
    }
}

static void set_request(Http *http, const char *method, const char *url, const char *body)
{
    CURL *curl = http->curl;
    bool get = strcmp(method, "GET") == 0;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, get ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER,
                     body != NULL                  ? http->json_headers
                     : http->extra_headers != NULL ? http->extra_headers
                                                   : http->plain_headers);
    if (body != NULL || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body != NULL ? body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, body != NULL ? (long)strlen(body) : 0L);
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, get ? NULL : method);
}

static void fill_reply(Http *http, Call *call)
{
    long status = 0;
    const char *type = NULL;

    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(http->curl, CURLINFO_CONTENT_TYPE, &type);
    call->reply->status = (int)status;
    call->reply->content_type = mem_strdup(type);
    call->reply->len = call->body.len;
    call->reply->body = buf_take(&call->body);
}

/* Has a call that is followed lasted as long as it should? */
static bool is_over(const Call *call)
{
    return call->follow != NULL && call->follow->timeout_ms > 0 &&
           time_monotonic_ms() - call->began_ms >= call->follow->timeout_ms;
}

/* Runs the call that is set up in `call`, whose reply is the caller's to give away. */
static int perform(Http *http, const char *method, const char *path, const char *body, Call *call,
                   Err *err)
{
    _cleanup_(mem_freep) char *url = mem_printf("%s%s", http->base, path);

    call->http = http;
    call->began_ms = call->heard_ms = time_monotonic_ms();
    buf_init(&call->body, http->max_body);
    http->dialled[0] = '\0';
    http->curl_error[0] = '\0';
    set_request(http, method, url, body);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(http->curl, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(http->curl, CURLOPT_NOPROGRESS, call->follow == NULL ? 1L : 0L);
    curl_easy_setopt(http->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(http->curl, CURLOPT_XFERINFODATA, call);
    curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS,
                     (long)(call->follow != NULL ? call->follow->timeout_ms : http->timeout_ms));
    CURLcode code = curl_easy_perform(http->curl);
    if (code == CURLE_OPERATION_TIMEDOUT && is_over(call))
        call->stopped = true;
    if (code != CURLE_OK && !call->stopped) {
        bool too_long = call->body.failed;
        buf_done(&call->body);
        if (too_long)
            return err_set(err, ERR_INVALID,
                           "request failed: %s: the answer is longer than %zu bytes", url,
                           http->max_body);
        if (call->idle)
            return err_set(err, ERR_UNAVAILABLE,
                           "request failed: Get \"%s\": nothing came for %d s", url,
                           call->follow->idle_ms / 1000);
        return transport_error(http, code, method, url, err);
    }
    fill_reply(http, call);
    return 0;
}

int http_stream(Http *http, const char *method, const char *path, const char *body, HttpSink sink,
                void *arg, HttpReply *ret, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    Call call = { .reply = &reply, .sink = sink, .arg = arg };

    if (perform(http, method, path, body, &call, err) < 0)
        return -1;
    *ret = reply;
    reply = (HttpReply){ 0 };
    return 0;
}

int http_follow(Http *http, const char *path, const HttpFollow *follow, HttpReply *ret, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    Call call = { .reply = &reply, .sink = follow->sink, .arg = follow->arg, .follow = follow };

    if (perform(http, "GET", path, NULL, &call, err) < 0)
        return -1;
    *ret = reply;
    reply = (HttpReply){ 0 };
    return 0;
}

int http_call(Http *http, const char *method, const char *path, const char *body, HttpReply *ret,
              Err *err)
{
    return http_stream(http, method, path, body, NULL, NULL, ret, err);
}

int http_get_if_changed(Http *http, const char *path, const char *etag, HttpReply *ret, Err *err)
{
    _cleanup_(mem_freep) char *header = mem_printf("If-None-Match: %s", etag);

    http->extra_headers = etag[0] != '\0' ? curl_slist_append(NULL, header) : NULL;
    int rc = http_call(http, "GET", path, NULL, ret, err);
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(http->extra_headers);
    http->extra_headers = NULL;
    return rc;
}

void *http_handle(Http *http)
{
    return http->curl;
}

const char *http_content_type(const Http *http)
{
    const char *type = NULL;

    curl_easy_getinfo(http->curl, CURLINFO_CONTENT_TYPE, &type);
    return type;
}

char *http_escape(const char *segment)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = mem_alloc(strlen(segment) * 3 + 1);
    char *p = out;

    for (const unsigned char *s = (const unsigned char *)segment; *s != '\0'; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                     (*s >= '0' && *s <= '9') || strchr("-._~", *s) != NULL;
        if (plain) {
            *p++ = (char)*s;
        } else {
            *p++ = '%';
            *p++ = hex[*s >> 4];
            *p++ = hex[*s & 15];
        }
    }
    return out;
}

/* The problem's `errors`, joined with "; "; false when there are none. */
static bool join_errors(const json_t *problem, Buf *out)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(problem, "errors"), i, item) {
        if (json_is_string(item))
            buf_printf(out, "%s%s", out->len > 0 ? "; " : "", json_string_value(item));
    }
    return out->len > 0;
}

int http_problem(const HttpReply *reply, Err *err)
{
    const char *body = reply->body != NULL ? reply->body : "";
    json_t *problem = json_loadb(body, reply->len, JSON_DISABLE_EOF_CHECK, NULL);
    const char *title = json_string_value(json_object_get(problem, "title"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));

    if (title != NULL && title[0] != '\0') {
        _cleanup_(buf_done) Buf errors = { .max = sizeof(err->message) * 4 };
        if (detail != NULL && detail[0] != '\0')
            err_set_status(err, ERR_HTTP, reply->status, "%s: %s", title, detail);
        else if (join_errors(problem, &errors))
            err_set_status(err, ERR_HTTP, reply->status, "%s: %s", title, buf_str(&errors));
        else
            err_set_status(err, ERR_HTTP, reply->status, "%s", title);
    } else {
        size_t start = strspn(body, " \t\r\n");
        size_t end = strlen(body);
        while (end > start && strchr(" \t\r\n", body[end - 1]) != NULL)
            end--;
        err_set_status(err, ERR_HTTP, reply->status, "server returned %d%s%s: %.*s", reply->status,
                       reply->reason[0] != '\0' ? " " : "", reply->reason, (int)(end - start),
                       body + start);
    }
    json_decref(problem);
    return -1;
}

void http_reply_done(HttpReply *reply)
{
    free(reply->content_type);
    free(reply->body);
    *reply = (HttpReply){ 0 };
}
