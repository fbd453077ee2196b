/* Settings of a program: flags over environment over `.env` over `config.yaml` over defaults.
 *
 * A program gives one table; the table is also what `--help` prints and what the README's
 * configuration tables are checked against. */
#ifndef CARA_CONFIG_H
#define CARA_CONFIG_H

#include "cara/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum ConfigType {
    CONFIG_STRING,   /* char *, owned */
    CONFIG_BOOL,     /* bool: true/false/1/0/yes/no/on/off */
    CONFIG_PORT,     /* int, 1..65535 */
    CONFIG_INT,      /* int, >= 0 */
    CONFIG_DURATION, /* int64_t, milliseconds; Go's grammar: 1m30s, 250ms */
} ConfigType;

typedef struct ConfigOption {
    const char *flag; /* "server-url": -server-url v, --server-url=v; '-' and '_' are the same */
    const char *env;  /* "SERVER_URL" */
    const char *yaml; /* "server_url" */
    ConfigType type;
    size_t offset;        /* of the member in the program's struct */
    const char *fallback; /* as it would be written in the environment; NULL for none */
    bool secret;          /* never printed: may hold a password */
    const char *help;
} ConfigOption;

typedef struct ConfigSources {
    int argc;
    char **argv;     /* argv[0] is skipped */
    const char *dir; /* where .env and config.yaml are looked for; NULL for the working directory */
} ConfigSources;

/* The `status` of an error about the command line itself: print it and exit 2. Others exit 1. */
#define CONFIG_USAGE 2

/* Fills the struct at `out`, which must be zeroed. Strings in it are owned by it: config_done frees
 * them. Returns the index of the first argument that is not a flag (argc when there is none), or -1
 * with an error that names the source, the key and what is accepted. Unknown flags are ERR_INVALID;
 * files that do not exist are fine; unknown keys of config.yaml are an error that names the nearest
 * known one. An empty value in the environment or in .env counts as not given; a switch can be
 * turned off again by any source. */
int config_load(const ConfigOption *options, size_t count, const ConfigSources *sources, void *out,
                Err *err);
void config_done(const ConfigOption *options, size_t count, void *out);

/* The flags part of --help, on stdout. */
void config_print_help(const ConfigOption *options, size_t count);

#endif
