#include "docker.h"

#include "cara/buf.h"
#include "cara/version.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define API_OLDEST     "1.25" /* what we need is in all versions between the two */
#define API_NEWEST     "1.47"
#define ANSWER_MAX     (64 * 1024 * 1024)
#define CONNECT_MAX_MS 5000

struct Docker {
    Http *http;
    char host[200];        /* as configured, for errors */
    DockerVersion version; /* api is "" until asked */
};

int docker_new(const char *host, Docker **ret, Err *err)
{
    _cleanup_(mem_freep) char *agent = mem_printf("cara-agent/%s", cara_version);
    _cleanup_(mem_freep) char *base = NULL;
    HttpOptions options = { .user_agent = agent,
                            .max_body = ANSWER_MAX,
                            .connect_timeout_ms = CONNECT_MAX_MS };

    if (strncmp(host, "unix:///", 8) == 0) {
        base = mem_strdup("http://docker");
        options.unix_socket = host + 7;
    } else if (strncmp(host, "tcp://", 6) == 0 && host[6] != '\0') {
        base = mem_printf("http://%s", host + 6);
    } else {
        return err_set(err, ERR_INVALID,
                       "docker_host \"%s\" is not usable: write unix:///path or tcp://host:port",
                       host);
    }
    options.base = base;
    Docker *docker = mem_alloc(sizeof(*docker));
    snprintf(docker->host, sizeof(docker->host), "%s", host);
    if (http_new(&options, &docker->http, err) < 0) {
        free(docker);
        return -1;
    }
    *ret = docker;
    return 0;
}

void docker_free(Docker *docker)
{
    if (docker == NULL)
        return;
    http_free(docker->http);
    free(docker);
}

/* "1.41" as something to compare; 0 when it is not that. */
static long api_number(const char *text)
{
    char *rest;
    long major = strtol(text, &rest, 10);

    return *rest == '.' ? major * 1000 + strtol(rest + 1, NULL, 10) : 0;
}

static int negotiate(Docker *docker, const json_t *answer, Err *err)
{
    const char *engine = json_string_value(json_object_get(answer, "Version"));
    const char *newest = json_string_value(json_object_get(answer, "ApiVersion"));
    const char *oldest = json_string_value(json_object_get(answer, "MinAPIVersion"));

    if (newest == NULL)
        return err_set(err, ERR_ENGINE, "%s does not answer as a Docker engine does", docker->host);
    if (api_number(newest) < api_number(API_OLDEST) ||
        (oldest != NULL && api_number(oldest) > api_number(API_NEWEST)))
        return err_set(
            err, ERR_ENGINE,
            "the Docker engine at %s speaks API %s to %s; this agent needs one of " API_OLDEST
            " to " API_NEWEST,
            docker->host, oldest != NULL ? oldest : newest, newest);
    snprintf(docker->version.engine, sizeof(docker->version.engine), "%s",
             engine != NULL ? engine : "");
    snprintf(docker->version.api, sizeof(docker->version.api), "%s",
             api_number(newest) < api_number(API_NEWEST) ? newest : API_NEWEST);
    return 0;
}

/* Where an engine cannot be reached, the way out depends on the address and not on the request. */
static int unreachable(const Docker *docker, Err *err)
{
    const char *why = strstr(err->message, "\": "); /* behind: Get "URL" */

    return err_set(err, ERR_UNAVAILABLE, "the Docker engine at %s cannot be reached: %s",
                   docker->host, why != NULL ? why + 3 : err->message);
}

int docker_version(Docker *docker, DockerVersion *ret, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };

    if (http_call(docker->http, "GET", "/version", NULL, &reply, err) < 0)
        return unreachable(docker, err);
    json_t *answer = json_loadb(reply.body, reply.len, 0, NULL);
    int rc = negotiate(docker, answer, err);
    json_decref(answer);
    if (rc == 0)
        *ret = docker->version;
    return rc;
}

int docker_stream(Docker *docker, const char *method, HttpSink sink, void *arg, HttpReply *reply,
                  Err *err, const char *path, ...)
{
    _cleanup_(buf_done) Buf url = { .max = 8192 };
    char rest[8000];
    DockerVersion version;
    va_list args;

    if (docker->version.api[0] == '\0' && docker_version(docker, &version, err) < 0)
        return -1;
    va_start(args, path);
    vsnprintf(rest, sizeof(rest), path, args);
    va_end(args);
    buf_printf(&url, "/v%s%s", docker->version.api, rest);
    if (http_stream(docker->http, method, buf_str(&url), NULL, sink, arg, reply, err) < 0) {
        docker->version.api[0] = '\0'; /* another engine may be there when it comes back */
        return unreachable(docker, err);
    }
    return 0;
}

int docker_call(Docker *docker, const char *method, HttpReply *reply, const json_t *body, Err *err,
                const char *path, ...)
{
    _cleanup_(mem_freep) char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    _cleanup_(buf_done) Buf url = { .max = 8192 };
    char rest[8000];
    DockerVersion version;
    va_list args;

    if (docker->version.api[0] == '\0' && docker_version(docker, &version, err) < 0)
        return -1;
    va_start(args, path);
    vsnprintf(rest, sizeof(rest), path, args);
    va_end(args);
    buf_printf(&url, "/v%s%s", docker->version.api, rest);
    if (http_call(docker->http, method, buf_str(&url), text, reply, err) < 0) {
        docker->version.api[0] = '\0';
        return unreachable(docker, err);
    }
    return 0;
}

const char *docker_message(const HttpReply *reply)
{
    static __thread char message[600];
    json_t *answer = json_loadb(reply->body, reply->len, 0, NULL);
    const char *text = json_string_value(json_object_get(answer, "message"));

    snprintf(message, sizeof(message), "%s", text != NULL ? text : reply->body);
    json_decref(answer);
    for (size_t n = strlen(message); n > 0 && (message[n - 1] == '\n' || message[n - 1] == ' ');
         n--)
        message[n - 1] = '\0';
    return message;
}
