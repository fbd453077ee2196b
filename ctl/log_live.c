#include "log_reader.h"

#include "cara/http.h"
#include "cara/mem.h"
#include "cara/version.h"

#include <errno.h>
#include <string.h>

#define FRAMES_TYPE "application/vnd.docker.multiplexed-stream"
#define REFUSAL_MAX (64 * 1024)

typedef struct Live {
    Http *http;
    LogPrinter *printer;
    bool failed; /* nobody reads what we print */
} Live;

static bool on_data(void *arg, const char *data, size_t len)
{
    Live *live = arg;
    const char *type = http_content_type(live->http);
    bool frames = type != NULL && strncmp(type, FRAMES_TYPE, strlen(FRAMES_TYPE)) == 0;
    int rc = frames ? log_printer_add_frames(live->printer, data, len)
                    : log_printer_add(live->printer, LOG_STDOUT, data, len);

    live->failed = rc < 0;
    return rc == 0;
}

/* Only what is not as the agent would have it anyway. */
static char *live_path(const LogOptions *options, const char *service)
{
    _cleanup_(mem_freep) char *project = http_escape(options->project);
    _cleanup_(mem_freep) char *escaped = http_escape(service);
    Buf out = { .max = 4096 };
    const char *mark = "?";

    buf_printf(&out, "/api/v1/logs/%s/%s", project, escaped);
    if (options->follow) {
        buf_printf(&out, "%sfollow=true", mark);
        mark = "&";
    }
    if (strcmp(options->tail, "all") != 0) {
        _cleanup_(mem_freep) char *tail = http_escape(options->tail);
        buf_printf(&out, "%stail=%s", mark, tail);
        mark = "&";
    }
    if (options->timestamps) {
        buf_printf(&out, "%stimestamps=true", mark);
        mark = "&";
    }
    if (options->since != NULL) {
        _cleanup_(mem_freep) char *since = http_escape(options->since);
        buf_printf(&out, "%ssince=%s", mark, since);
    }
    return buf_take(&out);
}

/* Of an agent that is not there the URL says nothing. */
static int fail(const AgentAddress *agent, Err *err)
{
    const char *colon = strrchr(err->message, ':');

    if (colon == NULL || strstr(err->message, ": dial ") == NULL)
        return err_prefix(err, "request to agent");
    return agent_address_silent(agent, colon + 1 + strspn(colon + 1, " "), err);
}

int log_read_live(const AgentAddress *agent, const LogOptions *options, const char *service,
                  LogPrinter *printer, Err *err)
{
    _cleanup_(http_reply_done) HttpReply reply = { 0 };
    _cleanup_(mem_freep) char *where = agent_address_text(agent);
    _cleanup_(mem_freep) char *base = mem_printf("http://%s", where);
    _cleanup_(mem_freep) char *program = mem_printf("caractrl/%s", cara_version);
    _cleanup_(mem_freep) char *path = live_path(options, service);
    const HttpOptions http = { .base = base,
                               .user_agent = program,
                               .accept = FRAMES_TYPE ", text/plain",
                               .max_body = REFUSAL_MAX };
    Live live = { .printer = printer };

    if (http_new(&http, &live.http, err) < 0)
        return -1;
    int rc = http_stream(live.http, "GET", path, NULL, on_data, &live, &reply, err);
    http_free(live.http);
    if (log_printer_finish(printer) < 0 || live.failed)
        return err_set(err, ERR_SYSTEM, "write output: %s", strerror(errno));
    if (rc < 0)
        return fail(agent, err);
    return reply.status == 200 ? 0 : http_problem(&reply, err);
}
