/* What went wrong, made and returned in one line:
 *
 *     return err_set(err, ERR_ENGINE, "start container %.12s: %s", id, why);
 *
 * One Err becomes an exit status, a log line or an HTTP problem. Lower layers never log it; whoever
 * cannot pass it on logs it once. The message never holds a secret: of a URL's password it shows
 * xxxxx. */
#ifndef CARA_ERR_H
#define CARA_ERR_H

typedef enum ErrKind {
    ERR_NONE = 0,
    ERR_INVALID, /* what the user gave is wrong: the message names the field and the way out */
    ERR_NOT_FOUND,
    ERR_CONFLICT,    /* the state of the thing does not allow it */
    ERR_UNAVAILABLE, /* a peer is not there now: trying again may help */
    ERR_HTTP,        /* the peer answered with an error; `status` has its code */
    ERR_ENGINE,      /* the Docker engine refused */
    ERR_DATABASE,    /* Postgres refused */
    ERR_SYSTEM,      /* the operating system refused */
} ErrKind;

typedef struct Err {
    ErrKind kind;
    int status; /* HTTP status where there is one, else 0 */
    char message[1024];
} Err;

/* Fills err (which may be NULL) and returns -1. A message too long is cut at a UTF-8 boundary. */
int err_set(Err *err, ErrKind kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, with the HTTP status a peer gave. */
int err_set_status(Err *err, ErrKind kind, int status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "prefix: " before the message that is there; returns -1. */
int err_prefix(Err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void err_clear(Err *err);

#endif
