/* caractrl logs: of one service, or of all services of a project or of several. */
#include "api.h"
#include "cara/mem.h"
#include "command.h"
#include "condition.h"
#include "json_at.h"
#include "listing.h"
#include "log_reader.h"
#include "print.h"
#include "resource.h"
#include "target.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SERVICES_MAX 200

static const Flag flags[] = {
    { "follow", 'f', NULL, NULL, false, "go on until the container ends", NULL },
    SELECTOR_FLAG,
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
    LogOptions options;
    AgentAddress agent;
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
    json_t *projects; /* owned; those they are services of, as far as the server was asked */
} Sources;

static void sources_done(Sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        log_printer_done(&sources->all[i].printer);
        free(sources->all[i].prefix);
    }
    free(sources->all);
    json_decref(sources->projects);
}

static void *read_live(void *arg)
{
    Source *source = arg;

    source->result = log_read_live(&source->agent, &source->options, source->service,
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

static void add_source(Sources *sources, const LogOptions *options, const AgentAddress *agent,
                       const char *service)
{
    Source *source = &sources->all[sources->count++];

    *source = (Source){ .options = *options, .agent = *agent, .service = service };
    log_printer_init(&source->printer, NULL, "");
}

static int add_services(Sources *sources, const json_t *project, const LogOptions *options,
                        const AgentAddress *agent, Err *err)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_at(project, "spec.services"), i, item) {
        if (sources->count == SERVICES_MAX)
            return err_set(err, ERR_INVALID, "these are more than %d services: ask for fewer",
                           SERVICES_MAX);
        add_source(sources, options, agent, json_text_at(item, "name"));
    }
    return 0;
}

/* Every line behind its service's name, and before that the project's where there are several, in a
 * column. */
static void set_prefixes(Sources *sources, bool with_project, bool colour)
{
    size_t width = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sources->count; i++) {
            Source *source = &sources->all[i];
            const char *project = with_project ? source->options.project : "";
            size_t len = strlen(project) + with_project + strlen(source->service);
            if (pass == 0) {
                width = len > width ? len : width;
                continue;
            }
            source->prefix = mem_printf("%s%s%s%*s | ", project, with_project ? "/" : "",
                                        source->service, (int)(width - len), "");
            source->printer.prefix = source->prefix;
            source->printer.colour = colour ? colour_of(i) : "";
        }
    }
}

/* A project, or one service of it. */
static int add_target(Ctl *ctl, const LogOptions *options, const char *service, const char *node,
                      bool live, Sources *sources, Err *err)
{
    _cleanup_(json_decrefp) json_t *project = NULL;
    AgentAddress agent = { 0 };

    if (live && target_find(ctl, options->project, service, node, &agent, &project, err) < 0)
        return -1;
    if (project == NULL && service == NULL) {
        _cleanup_(mem_freep) char *path = api_item_path(resource_project.path, options->project);
        if (api_call(ctl, "GET", path, NULL, NULL, &project, err) < 0)
            return err_prefix(err, "get project \"%.253s\"", options->project);
    }
    if (project != NULL)
        json_array_append(sources->projects, project);
    if (service != NULL) {
        add_source(sources, options, &agent, service);
        return 0;
    }
    if (add_services(sources, project, options, &agent, err) < 0)
        return -1;
    set_prefixes(sources, false, ctl->colour);
    return 0;
}

/* "node/vm" may be a service "vm" of a project "node", but hardly when there is no such project. */
static int fail_target(const CommandLine *line, Err *err)
{
    const char *name;

    if (err->status == 404 && resource_of_arg(line->args[0], &name) == &resource_node)
        listing_name(line, &resource_project, line->args[0], err);
    return -1;
}

/* Every project that matches: one that cannot be read now is told, the others are read. Here --node
 * says who is asked, and does not narrow them. */
static int add_selected(Ctl *ctl, const LogOptions *options, const CommandLine *line, bool live,
                        Sources *sources, Err *err)
{
    _cleanup_(json_decrefp) json_t *list = NULL;
    _cleanup_(mem_freep) char *all = listing_path(&resource_project, NULL, NULL, 0);
    _cleanup_(buf_done) Buf path = { .max = 1 << 16 };
    const char *node = command_line_value(line, "node");
    size_t i;
    json_t *project;

    buf_add_str(&path, all);
    listing_add(&path, "labelSelector", command_line_value(line, "selector"));
    if (listing_fetch(ctl, buf_str(&path), CHUNK_OBJECTS, &list, err) < 0)
        return err_prefix(err, "get projects");
    json_array_extend(sources->projects, json_object_get(list, "items"));
    if (json_array_size(sources->projects) == 0)
        fprintf(stderr, "No projects found\n");
    json_array_foreach (sources->projects, i, project) {
        LogOptions its = *options;
        AgentAddress agent = { 0 };
        Err own = { 0 };
        its.project = json_text_at(project, "metadata.name");
        if (live && target_find_agent(ctl, project, node, &agent, &own) < 0)
            ctl_tell_failure(ctl, &own);
        else if (add_services(sources, project, &its, &agent, err) < 0)
            return -1;
    }
    set_prefixes(sources, true, ctl->colour);
    return 0;
}

/* ---- reading them ---- */

static void read_previous(Ctl *ctl, Sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        Source *source = &sources->all[i];
        source->result = log_read_previous(ctl, &source->options, source->service, &source->printer,
                                           &source->err);
        if (source->result < 0 && source->err.kind == ERR_NOT_FOUND && sources->count > 1)
            source->result = 0; /* of a whole project, those that ended are meant */
    }
}

/* With -f all at once, else one after another, so that the order is always the same. */
static void read_all(Sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        Source *source = &sources->all[i];
        source->has_thread = source->options.follow && i + 1 < sources->count &&
                             pthread_create(&source->thread, NULL, read_live, source) == 0;
        if (!source->has_thread)
            read_live(source);
    }
    for (size_t i = 0; i < sources->count; i++)
        if (sources->all[i].has_thread)
            pthread_join(sources->all[i].thread, NULL);
}

static const json_t *project_of(const Sources *sources, const Source *source)
{
    size_t i;
    json_t *project;

    json_array_foreach (sources->projects, i, project)
        if (strcmp(json_text_at(project, "metadata.name"), source->options.project) == 0)
            return project;
    return NULL;
}

/* The agent has no container of it, and there was none before: says what it waits for. */
static void explain_none(const Sources *sources, Source *source)
{
    const json_t *project = project_of(sources, source);
    _cleanup_(buf_done) Buf state = { .max = 4096 };
    _cleanup_(buf_done) Buf plain = { .max = 4096 };

    if (project == NULL)
        return;
    condition_describe(project, &state);
    print_styled(buf_str(&state), false, &plain);
    err_set(&source->err, ERR_NOT_FOUND,
            "%.253s/%.64s has not started: the project is %.400s; caractrl describe project %.253s "
            "tells more",
            source->options.project, source->service, buf_str(&plain), source->options.project);
}

static void tell(Ctl *ctl, const Sources *sources, bool previous)
{
    bool hinted = previous;

    for (size_t i = 0; i < sources->count; i++) {
        Source *source = &sources->all[i];
        bool is_missing = !previous && source->err.status == 404;
        if (source->result == 0)
            continue;
        if (is_missing && !log_has_previous(ctl, source->options.project, source->service)) {
            explain_none(sources, source);
        } else if (is_missing && !hinted) {
            fprintf(stderr, "Hint: --previous shows the last lines of the container that died "
                            "last\n");
            hinted = true;
        }
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
    const char *target = line->arg_count > 0 ? line->args[0] : NULL;
    const char *name;
    _cleanup_(sources_done) Sources sources = { .all = mem_alloc(SERVICES_MAX * sizeof(Source)),
                                                .projects = json_array() };
    _cleanup_(mem_freep) char *project = NULL;
    _cleanup_(mem_freep) char *service = NULL;
    LogOptions options = { .follow = command_line_is_set(line, "follow"),
                           .timestamps = command_line_is_set(line, "timestamps"),
                           .tail = command_line_value(line, "tail"),
                           .since = command_line_value(line, "since") };

    if (previous && options.follow)
        return err_set(err, ERR_INVALID,
                       "--previous and --follow exclude each other: what is dead writes no more");
    if (check_tail(options.tail, err) < 0 ||
        log_since_seconds(options.since, ctl->now, &(int64_t){ 0 }, err) < 0)
        return -1;
    if (target == NULL) {
        if (add_selected(ctl, &options, line, !previous, &sources, err) < 0)
            return -1;
    } else {
        if (resource_of_arg(target, &name) == &resource_project)
            target = name; /* a service of a project called "project" is project/project/web */
        if (strchr(target, '/') == NULL)
            project = mem_strdup(target);
        else if (target_split(target, &project, &service, err) < 0)
            return -1;
        options.project = project;
        if (add_target(ctl, &options, service, command_line_value(line, "node"), !previous,
                       &sources, err) < 0)
            return fail_target(line, err);
    }
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    signal(SIGPIPE, SIG_DFL); /* as other tools that print: whoever read has gone */
    if (previous)
        read_previous(ctl, &sources);
    else
        read_all(&sources);
    tell(ctl, &sources, previous);
    return 0;
}

extern const Command cmd_logs;
const Command cmd_logs = {
    .path = "logs",
    .args = "<project>[/<service>]",
    .brief = "Print what a service, or every service of a project or of several, has written",
    .description =
        "Prints what the containers wrote: their stdout to stdout, their stderr to stderr. Without "
        "a service\nthat is every service of the project, each line behind its service's name, "
        "with "
        "-l of every project\nthat matches. Also of a container that has ended; --previous for one "
        "that is gone.",
    .flags = flags,
    .selects = true,
    .min_args = 1,
    .max_args = 1,
    .complete = COMPLETE_SERVICES,
    .run = run,
};
