#include "ctl.h"

#include "cara/mem.h"
#include "cara/time.h"
#include "command.h"
#include "print.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_terminal(int fd)
{
    const char *term = getenv("TERM");

    return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

static bool may_colour(int fd)
{
    const char *no_color = getenv("NO_COLOR");

    return is_terminal(fd) && (no_color == NULL || *no_color == '\0');
}

static void print_message(const char *label, const char *colour_code, const char *message)
{
    _cleanup_(buf_done) Buf clean = { .max = 8192 };
    bool colour = may_colour(STDERR_FILENO);

    print_clean(message, &clean);
    fprintf(stderr, "%s%s:%s %s\n", colour ? colour_code : "", label, colour ? "\033[0m" : "",
            buf_str(&clean));
}

void ctl_print_error(const char *message)
{
    print_message("Error", "\033[31m", message);
}

void ctl_print_warning(const char *message)
{
    print_message("Warning", "\033[33m", message);
}

void ctl_tell_failure(Ctl *ctl, Err *err)
{
    ctl_print_error(err->message);
    err_clear(err);
    ctl->failures++;
}

/* Dies of SIGPIPE as other tools do when whoever read the output has gone. */
static void die_of_sigpipe(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}

int ctl_flush(Ctl *ctl, Err *err)
{
    _cleanup_(buf_done) Buf text = { .max = CTL_OUTPUT_MAX };

    if (ctl->out.failed)
        return err_set(err, ERR_INVALID, "the output is longer than %d MiB", CTL_OUTPUT_MAX >> 20);
    print_styled(buf_str(&ctl->out), ctl->colour, &text);
    buf_reset(&ctl->out);
    if (fwrite(buf_str(&text), 1, text.len, stdout) == text.len && fflush(stdout) == 0)
        return 0;
    if (errno == EPIPE)
        die_of_sigpipe();
    return err_set(err, ERR_SYSTEM, "write output: %s", strerror(errno));
}

static const char *interrupt_words;
static bool interrupt_is_success;

/* Nothing here but what a signal handler may call. */
static void on_interrupt(int number)
{
    if (interrupt_words != NULL &&
        write(STDERR_FILENO, interrupt_words, strlen(interrupt_words)) < 0)
        _exit(1);
    if (interrupt_is_success)
        _exit(0);
    signal(number, SIG_DFL);
    raise(number);
}

void ctl_on_interrupt(const char *words, bool is_success)
{
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_NODEFER };

    interrupt_words = words;
    interrupt_is_success = is_success;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static OutputFormat format_of(const char *word)
{
    static const struct {
        const char *word;
        OutputFormat format;
    } formats[] = {
        { "wide", OUTPUT_WIDE },
        { "json", OUTPUT_JSON },
        { "yaml", OUTPUT_YAML },
        { "name", OUTPUT_NAME },
    };

    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (strcmp(formats[i].word, word) == 0)
            return formats[i].format;
    return OUTPUT_TABLE;
}

/* --server, else CARA_SERVER, else the default. */
static const char *choose_server(const CommandLine *line)
{
    const char *env = getenv("CARA_SERVER");

    for (size_t i = 0; i < line->flag_count; i++)
        if (strcmp(line->flags[i].flag->name, "server") == 0)
            return command_line_value(line, "server");
    return env != NULL && *env != '\0' ? env : command_line_value(line, "server");
}

/* The command's usage and an empty line on stderr: the error follows. */
static void print_usage_for(const CommandLine *line)
{
    _cleanup_(buf_done) Buf usage = { .max = 1 << 16 };

    if (line->command == NULL)
        return;
    command_print_usage(line->command, &usage);
    fprintf(stderr, "%s\n", buf_str(&usage));
}

/* CARA_WATCH_TIMEOUT, else the default. */
static int choose_idle(int *ret_ms, Err *err)
{
    const char *env = getenv("CARA_WATCH_TIMEOUT");
    int64_t ms;

    if (time_parse_duration(env != NULL && *env != '\0' ? env : CTL_IDLE, &ms, err) < 0)
        return err_prefix(err, "CARA_WATCH_TIMEOUT");
    if (ms < 1000 || ms > 24 * 3600 * 1000)
        return err_set(err, ERR_INVALID, "CARA_WATCH_TIMEOUT \"%.32s\" must be from 1s to 24h",
                       env);
    *ret_ms = (int)ms;
    return 0;
}

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    const Command *command = line->command;

    if (command_line_is_set(line, "version"))
        command = command_find("version");
    if (line->help || command->run == NULL) {
        if (!line->help && line->arg_count > 0)
            return command_unknown_child(line->command, line->args[0], err);
        command_print_help(line->command, &ctl->out);
        return 0;
    }
    if (choose_idle(&ctl->idle_ms, err) < 0)
        return -1;
    ctl->server = choose_server(line);
    ctl->output = format_of(command_line_value(line, "output"));
    return command->run(ctl, line, err);
}

int ctl_main(int argc, char **argv)
{
    Ctl ctl = {
        .colour = may_colour(STDOUT_FILENO),
        .live = is_terminal(STDOUT_FILENO),
        .now = time_now_seconds(),
        .timeout_ms = CTL_TIMEOUT_MS,
    };
    _cleanup_(command_line_done) CommandLine line = { 0 };
    Err err = { 0 };

    signal(SIGPIPE, SIG_IGN); /* a connection that breaks is an error of its own */
    buf_init(&ctl.out, CTL_OUTPUT_MAX);
    int result = command_line_parse(argc, argv, &line, &err);
    if (result < 0) {
        print_usage_for(&line);
    } else {
        result = run(&ctl, &line, &err);
        Err write_err = { 0 };
        if ((result == 0 || ctl.failures > 0) && ctl_flush(&ctl, &write_err) < 0) {
            err = write_err;
            result = -1;
        }
    }
    if (result < 0 && err.message[0] != '\0')
        ctl_print_error(err.message);
    http_free(ctl.http);
    buf_done(&ctl.out);
    return result < 0 || ctl.failures > 0 ? 1 : ctl.exit_status;
}
