/* What every command of caractrl shares. */
#ifndef CTL_H
#define CTL_H

#include "cara/buf.h"
#include "cara/err.h"
#include "cara/http.h"

#include <stdbool.h>
#include <stdint.h>

#define CTL_REPLY_MAX    (64 << 20) /* bytes of one answer of the server */
#define CTL_MANIFEST_MAX (4 << 20)  /* bytes of one apply, as the server allows */
#define CTL_OUTPUT_MAX   (1 << 30)
#define CTL_TIMEOUT_MS   30000
#define CTL_IDLE         "75s" /* the server says something each 30 s */

typedef enum OutputFormat {
    OUTPUT_TABLE,
    OUTPUT_WIDE,
    OUTPUT_JSON,
    OUTPUT_YAML,
    OUTPUT_NAME,
} OutputFormat;

typedef struct Ctl {
    const char *server; /* URL */
    OutputFormat output;
    bool colour;     /* stdout is a terminal that may have it */
    bool live;       /* stdout is a terminal whose last line may be written again */
    int64_t now;     /* what ages are counted from */
    int timeout_ms;  /* of one call; set before the first */
    int idle_ms;     /* a watch on which nothing comes for this long is opened anew */
    Http *http;      /* owned; made at the first call */
    Buf out;         /* what goes to stdout when the command ends */
    int exit_status; /* of a command that succeeded: exec carries another program's */
    int failures;    /* of several things to do, those that failed and were reported already */
} Ctl;

/* The whole program; returns the exit status. */
int ctl_main(int argc, char **argv);

/* "Error: message" on stderr. */
void ctl_print_error(const char *message);

/* "Warning: message" on stderr, of what mends itself. */
void ctl_print_warning(const char *message);

/* From now on Ctrl-C (and SIGTERM) ends the program at once, after saying `words` on stderr (NULL
 * for none): with status 0 when nothing is left undone by it, else by the signal itself. `words`
 * must stay. */
void ctl_on_interrupt(const char *words, bool is_success);

/* Of several things to do one has failed: tells it, clears err, and the next may be tried. */
void ctl_tell_failure(Ctl *ctl, Err *err);

/* Writes what is in ctl->out to stdout now, for a command that goes on. */
int ctl_flush(Ctl *ctl, Err *err);

#endif
