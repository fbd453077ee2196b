/* cara-agent: makes one machine's Docker engine match what the control plane says. */
#include "cara/log.h"
#include "cara/mem.h"
#include "cara/version.h"
#include "control.h"
#include "deaths.h"
#include "engine.h"
#include "engine_claim.h"
#include "engine_stream.h"
#include "httpd.h"
#include "ingress.h"
#include "outbox.h"
#include "projects.h"
#include "settings.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_help(void)
{
    puts("cara-agent runs on every node and makes its Docker engine match what the control plane "
         "says.\n"
         "\n"
         "Usage:\n"
         "  cara-agent [flags]\n"
         "\n"
         "Every flag has an environment variable and a key in config.yaml; flags win over the\n"
         "environment, the environment over .env, .env over config.yaml.\n"
         "\n"
         "Flags:");
    config_print_help(settings_options, settings_option_count);
}

static bool asked_for(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strncmp(arg, "--", 2) == 0 ? strcmp(arg + 2, word) == 0
                                       : arg[0] == '-' && strcmp(arg + 1, word) == 0)
            return true;
    }
    return false;
}

/* SIGTERM and SIGINT are the loop thread's to read; a peer that hangs up is an error code, not a
 * signal. */
static void set_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int start(const Settings *settings, Err *err)
{
    if (engine_claim(settings->docker_host, err) < 0 ||
        httpd_listen(settings->listen_host, settings->listen_port, err) < 0 ||
        engine_stream_init(settings->docker_host, httpd_loop(), httpd_resolver(), err) < 0)
        return -1;
    Control *control = control_new(settings, err);
    if (control == NULL)
        return -1;
    Ingress *ingress;
    if (ingress_new(settings, &ingress, err) < 0)
        return -1;
    Outbox *outbox = outbox_new(control_wake, control);
    Deaths *deaths = deaths_new(control_wake, control);
    Projects *projects = projects_new(settings->docker_host, outbox, deaths, ingress);
    Engine *engine = engine_new(settings->docker_host, projects, control_wake, control);
    if (ingress_start(ingress, control_wake, control) < 0 || engine_start(engine) < 0 ||
        control_start(control, engine, outbox, deaths, projects, ingress) < 0)
        return err_set(err, ERR_SYSTEM, "the operating system refused a thread");
    return 0;
}

int main(int argc, char **argv)
{
    Settings settings = { 0 };
    Err err = { 0 };

    if (asked_for(argc, argv, "version")) {
        version_print("cara-agent");
        return 0;
    }
    if (asked_for(argc, argv, "help") || asked_for(argc, argv, "h")) {
        print_help();
        return 0;
    }
    if (settings_load(argc, argv, &settings, &err) < 0) {
        fprintf(stderr, "invalid config: %s\n", err.message);
        return strstr(err.message, "unknown flag") != NULL ? 2 : 1;
    }
    mallopt(M_ARENA_MAX, 1); /* many threads that allocate little */
    log_init("cara-agent", settings.debug);
    setenv("PGGSSENCMODE", "disable", 0); /* Kerberos costs 1 MiB to find that nobody has it */
    set_signals();
    if (start(&settings, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1); /* some of the threads may run */
    }
    log_info("agent started", "version=%s node=%s listen=%s:%d docker=%s", cara_version,
             settings.node_name, settings.listen_host, settings.listen_port, settings.docker_host);
    int caught = httpd_run();
    log_info("agent stops, containers go on", "signal=%s", strsignal(caught));
    _exit(0); /* the other threads may be anywhere: every step of theirs can be cut short */
}
