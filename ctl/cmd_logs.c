/* caractrl logs: of one service, or of all services of a project. */
#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "json_at.h"
#include "log_reader.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SERVICES_MAX 200

static const Flag flags[] = {
    { "follow", 'f', NULL, NULL, false, "go on until the container ends", NULL },
    { "previous", 'p', NULL, NULL, false,
      "the last lines of the container that died last, even when it or its node is gone", NULL },
    { "tail", 0, "lines", "all", false, "lines to show from the end", NULL },
    { "since", 0, "time", NULL, false, "only what is newer: 10m, or 2006-01-02T15:04:05Z", NULL },
    { "timestamps", 0, NULL, NULL, false, "the time before each line", NULL },
    { "node", 0, "node", NULL, false,
      "the node to ask, or its agent's host:port; default: the one that has the project", NULL },
    { .name = NULL },
};

/* One service's log while it is read. */
typedef struct Source {
    const LogOptions *options;
    const AgentAddress *agent;
    const char *service;
    char *prefix; /* owned, NULL for none */
    LogPrinter printer;
    Err err;
    int result;
    pthread_t thread;
    bool has_thread;
} Source;

typedef struct Sources {
    Source *all; /* owned */
    size_t count;
    json_t *project; /* owned; NULL when a service was named */
} Sources;

static void sources_done(Sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        log_printer_done(&sources->all[i].printer);
        free(sources->all[i].prefix);
    }
    free(sources->all);
    json_decref(sources->project);
}

static void *read_live(void *arg)
{
    Source *source = arg;

    source->result = log_read_live(source->agent, source->options, source->service,
                                   &source->printer, &source->err);
    return NULL;
}

/* ---- which services ---- */

static const char *colour_of(size_t i)
{
    static const char *const colours[] = { "\033[36m", "\033[33m", "\033[32m",
                                           "\033[35m", "\033[34m", "\033[31m" };

    return colours[i % ARRAY_LEN(colours)];
}

static void add_source(Sources *sources, const char *service)
{
    Source *source = &sources->all[sources->count++];

    *source = (Source){ .service = service };
    log_printer_init(&source->printer, NULL, "");
}

/* Every line behind its service's name, in a column. */
static void set_prefixes(Sources *sources, bool colour)
{
    int width = 0;

    for (size_t i = 0; i < sources->count; i++)
        if ((int)strlen(sources->all[i].service) > width)
            width = (int)strlen(sources->all[i].service);
    for (size_t i = 0; i < sources->count; i++) {
        Source *source = &sources->all[i];
        source->prefix = mem_printf("%-*s | ", width, source->service);
        source->printer.prefix = source->prefix;
        source->printer.colour = colour ? colour_of(i) : "";
    }
}

static int find_services(Ctl *ctl, const char *project, Sources *sources, Err *err)
{
    _cleanup_(mem_freep) char *path = api_item_path("/api/v1/projects", project);
    size_t i;
    json_t *item;

    if (api_call(ctl, "GET", path, NULL, NULL, &sources->project, err) < 0)
        return err_prefix(err, "get project \"%.253s\"", project);
    json_array_foreach (json_at(sources->project, "spec.services"), i, item) {
        if (sources->count == SERVICES_MAX)
            return err_set(err, ERR_INVALID,
                           "project \"%.253s\" has more than %d services: name one", project,
                           SERVICES_MAX);
        add_source(sources, json_text_at(item, "name"));
    }
    set_prefixes(sources, ctl->colour);
    return 0;
}

/* ---- reading them ---- */

static void read_previous(Ctl *ctl, const LogOptions *options, Sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        Source *source = &sources->all[i];
        source->result =
            log_read_previous(ctl, options, source->service, &source->printer, &source->err);
        if (source->result < 0 && source->err.kind == ERR_NOT_FOUND && sources->count > 1)
            source->result = 0; /* of a whole project, those that ended are meant */
    }
}

/* With -f all at once, else one after another, so that the order is always the same. */
static void read_all(const LogOptions *options, Sources *sources, const AgentAddress *agent)
{
    for (size_t i = 0; i < sources->count; i++) {
        Source *source = &sources->all[i];
        source->options = options;
        source->agent = agent;
        source->has_thread = options->follow && i + 1 < sources->count &&
                             pthread_create(&source->thread, NULL, read_live, source) == 0;
        if (!source->has_thread)
            read_live(source);
    }
    for (size_t i = 0; i < sources->count; i++)
        if (sources->all[i].has_thread)
            pthread_join(sources->all[i].thread, NULL);
}

static void tell(Ctl *ctl, const Sources *sources, bool previous)
{
    for (size_t i = 0; i < sources->count; i++) {
        Source *source = &sources->all[i];
        if (source->result == 0)
            continue;
        if (!previous && source->err.status == 404)
            fprintf(stderr, "Hint: --previous shows the last lines of the container that died "
                            "last\n");
        ctl_tell_failure(ctl, &source->err);
    }
}

/* Ctrl-C is how one stops reading: no failure. What was printed has left already. */
static void on_interrupt(int caught)
{
    (void)caught;
    _exit(0);
}

static int check_tail(const char *tail, Err *err)
{
    size_t digits = strspn(tail, "0123456789");

    if (strcmp(tail, "all") == 0 || (digits > 0 && digits <= 9 && tail[digits] == '\0'))
        return 0;
    return err_set(err, ERR_INVALID,
                   "invalid --tail \"%.64s\": must be \"all\" or a number of lines", tail);
}

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    bool previous = command_line_is_set(line, "previous");
    _cleanup_(sources_done) Sources sources = {
        .all = mem_alloc(SERVICES_MAX * sizeof(Source)),
    };
    _cleanup_(mem_freep) char *project = NULL;
    _cleanup_(mem_freep) char *service = NULL;
    AgentAddress agent = { 0 };
    LogOptions options = { .follow = command_line_is_set(line, "follow"),
                           .timestamps = command_line_is_set(line, "timestamps"),
                           .tail = command_line_value(line, "tail"),
                           .since = command_line_value(line, "since") };

    if (previous && options.follow)
        return err_set(err, ERR_INVALID,
                       "--previous and --follow exclude each other: what is dead writes no more");
    if (check_tail(options.tail, err) < 0)
        return -1;
    if (strchr(line->args[0], '/') == NULL)
        project = mem_strdup(line->args[0]);
    else if (agent_address_split_target(line->args[0], &project, &service, err) < 0)
        return -1;
    options.project = project;
    if (service != NULL)
        add_source(&sources, service);
    else if (find_services(ctl, project, &sources, err) < 0)
        return -1;
    if (!previous &&
        agent_address_find(ctl, project, command_line_value(line, "node"), &agent, err) < 0)
        return -1;
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    signal(SIGPIPE, SIG_DFL); /* as other tools that print: whoever read has gone */
    if (previous)
        read_previous(ctl, &options, &sources);
    else
        read_all(&options, &sources, &agent);
    tell(ctl, &sources, previous);
    return 0;
}

extern const Command cmd_logs;
const Command cmd_logs = {
    .path = "logs",
    .args = "<project>[/<service>]",
    .brief = "Print what a service, or every service of a project, has written",
    .description =
        "Prints what the containers wrote: their stdout to stdout, their stderr to stderr. Without "
        "a service\nthat is every service of the project, each line behind its service's name. "
        "Also of a container that\nhas ended; --previous for one that is gone.",
    .flags = flags,
    .min_args = 1,
    .max_args = 1,
    .complete = COMPLETE_SERVICES,
    .run = run,
};
