#include "ingress_tls.h"

#include "cara/log.h"
#include "cara/mem.h"
#include "threads.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECHECK_MS       10000 /* what inotify does not see: network file systems, links elsewhere */
#define SETTLE_MS        100   /* two files make a pair */
#define CERTIFICATES_MAX 10000
#define DEFAULT_NAME     "default"

typedef struct Pair {
    char *host; /* "*.example.com", "default" */
    SSL_CTX *context;
    struct timespec crt_time, key_time;
    ino_t crt_inode, key_inode;
} Pair;

struct Certificates {
    char *directory;
    pthread_rwlock_t lock; /* of the list; the thread alone changes it */
    Pair *pairs;
    size_t count;
    SSL_CTX *front; /* what a connection begins with, until it names a host */
};

/* ---- one pair
 * ------------------------------------------------------------------------------------------- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned int offered_len, void *arg)
{
    static const unsigned char http1[] = "\x08http/1.1";

    (void)ssl;
    (void)arg;
    for (unsigned int i = 0; i < offered_len; i += 1u + offered[i]) {
        if (i + sizeof(http1) - 1 <= offered_len &&
            memcmp(offered + i, http1, sizeof(http1) - 1) == 0) {
            *out = offered + i + 1;
            *out_len = sizeof(http1) - 2;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *new_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    /* A session resumed under another host's certificate would be that host's: none are resumed. */
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return context;
}

static SSL_CTX *load_pair(const char *crt, const char *key, char *why, size_t size)
{
    SSL_CTX *context = new_context();

    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, crt) == 1 &&
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(context) == 1)
        return context;
    ERR_error_string_n(ERR_peek_last_error(), why, size);
    ERR_clear_error();
    SSL_CTX_free(context);
    return NULL;
}

/* ---- which one
 * ------------------------------------------------------------------------------------------ */

static Pair *find_exact(const Certificates *certificates, const char *host)
{
    for (size_t i = 0; i < certificates->count; i++)
        if (strcmp(certificates->pairs[i].host, host) == 0)
            return &certificates->pairs[i];
    return NULL;
}

static Pair *find_pair(const Certificates *certificates, const char *host)
{
    char wildcard[260];
    const char *dot = strchr(host, '.');
    Pair *pair = find_exact(certificates, host);

    if ((pair != NULL && pair->context != NULL) || dot == NULL)
        return pair;
    snprintf(wildcard, sizeof(wildcard), "*%s", dot);
    return find_exact(certificates, wildcard);
}

bool certificates_have(Certificates *certificates, const char *host)
{
    pthread_rwlock_rdlock(&certificates->lock);
    const Pair *pair = find_pair(certificates, host);
    bool have = pair != NULL && pair->context != NULL && strcmp(pair->host, DEFAULT_NAME) != 0;
    pthread_rwlock_unlock(&certificates->lock);
    return have;
}

static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
    Certificates *certificates = arg;
    const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    char host[256];
    int rc = SSL_TLSEXT_ERR_ALERT_FATAL;

    snprintf(host, sizeof(host), "%s", asked != NULL ? asked : "");
    for (char *p = host; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p | 0x20);
    pthread_rwlock_rdlock(&certificates->lock);
    const Pair *pair = find_pair(certificates, host);
    if (pair == NULL || pair->context == NULL)
        pair = find_exact(certificates, DEFAULT_NAME);
    if (pair != NULL && pair->context != NULL) {
        SSL_set_SSL_CTX(ssl, pair->context);
        rc = SSL_TLSEXT_ERR_OK;
    }
    pthread_rwlock_unlock(&certificates->lock);
    if (rc != SSL_TLSEXT_ERR_OK)
        *alert = SSL_AD_UNRECOGNIZED_NAME;
    return rc;
}

SSL *certificates_accept(Certificates *certificates)
{
    return SSL_new(certificates->front);
}

/* ---- the directory
 * -------------------------------------------------------------------------------------- */

static bool same_file(const struct stat *now, const struct timespec *then, ino_t inode)
{
    return now->st_ino == inode && now->st_mtim.tv_sec == then->tv_sec &&
           now->st_mtim.tv_nsec == then->tv_nsec;
}

static Pair *add_pair(Certificates *certificates, const char *host)
{
    certificates->pairs =
        mem_grow(certificates->pairs, certificates->count + 1, sizeof(*certificates->pairs));
    Pair *pair = &certificates->pairs[certificates->count++];
    *pair = (Pair){ .host = mem_strdup(host) };
    return pair;
}

static void replace_context(Certificates *certificates, Pair *pair, SSL_CTX *context)
{
    pthread_rwlock_wrlock(&certificates->lock);
    SSL_CTX *before = pair->context;
    pair->context = context;
    pthread_rwlock_unlock(&certificates->lock);
    SSL_CTX_free(before); /* connections hold it as long as they need it */
}

static void check_pair(Certificates *certificates, const char *host)
{
    _cleanup_(mem_freep) char *crt = mem_printf("%s/%s.crt", certificates->directory, host);
    _cleanup_(mem_freep) char *key = mem_printf("%s/%s.key", certificates->directory, host);
    Pair *pair = find_exact(certificates, host);
    struct stat crt_now, key_now;
    char why[256];

    if (stat(crt, &crt_now) < 0 || stat(key, &key_now) < 0)
        return; /* half of a pair: the other half is on its way */
    if (pair != NULL && same_file(&crt_now, &pair->crt_time, pair->crt_inode) &&
        same_file(&key_now, &pair->key_time, pair->key_inode))
        return;
    SSL_CTX *context = load_pair(crt, key, why, sizeof(why));
    if (pair == NULL) {
        pthread_rwlock_wrlock(&certificates->lock);
        pair = add_pair(certificates, host);
        pthread_rwlock_unlock(&certificates->lock);
    }
    bool before = pair->context != NULL;
    pair->crt_time = crt_now.st_mtim;
    pair->key_time = key_now.st_mtim;
    pair->crt_inode = crt_now.st_ino;
    pair->key_inode = key_now.st_ino;
    if (context == NULL) {
        log_warn("certificate cannot be used", "host=%s kept=%s error=%s", host,
                 before ? "the one before" : "none", why);
        return;
    }
    replace_context(certificates, pair, context);
    log_info(before ? "certificate replaced" : "certificate loaded", "host=%s", host);
}

/* Pairs whose files are gone. */
static void drop_gone(Certificates *certificates)
{
    for (size_t i = certificates->count; i-- > 0;) {
        Pair *pair = &certificates->pairs[i];
        _cleanup_(mem_freep) char *crt =
            mem_printf("%s/%s.crt", certificates->directory, pair->host);
        if (access(crt, F_OK) == 0 || errno != ENOENT)
            continue;
        usleep(SETTLE_MS * 1000); /* a file that is being replaced is away for a moment */
        if (access(crt, F_OK) == 0)
            continue;
        log_info("certificate is gone", "host=%s", pair->host);
        pthread_rwlock_wrlock(&certificates->lock);
        Pair gone = *pair;
        *pair = certificates->pairs[--certificates->count];
        pthread_rwlock_unlock(&certificates->lock);
        free(gone.host);
        SSL_CTX_free(gone.context);
    }
}

static int read_directory(Certificates *certificates, Err *err)
{
    DIR *directory = opendir(certificates->directory);
    struct dirent *entry;

    if (directory == NULL)
        return err_set(err, ERR_INVALID,
                       "read the certificates in %s: %s: set PROXY_CERTIFICATES or "
                       "--proxy-certificates to a directory with HOST.crt and HOST.key",
                       certificates->directory, strerror(errno));
    while ((entry = readdir(directory)) != NULL && certificates->count < CERTIFICATES_MAX) {
        size_t len = strlen(entry->d_name);
        char host[256];
        if (len <= 4 || len - 4 >= sizeof(host) || strcmp(entry->d_name + len - 4, ".crt") != 0)
            continue;
        snprintf(host, sizeof(host), "%.*s", (int)(len - 4), entry->d_name);
        check_pair(certificates, host);
    }
    closedir(directory);
    return 0;
}

static void *follow_thread(void *arg)
{
    Certificates *certificates = arg;
    struct pollfd events = { .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .events = POLLIN };
    char buffer[4096];

    if (events.fd >= 0)
        inotify_add_watch(events.fd, certificates->directory,
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_CREATE | IN_MOVED_FROM);
    for (;;) {
        Err err = { 0 };
        if (poll(&events, 1, RECHECK_MS) > 0) {
            usleep(SETTLE_MS * 1000);
            while (read(events.fd, buffer, sizeof(buffer)) > 0)
                ;
        }
        if (read_directory(certificates, &err) == 0)
            drop_gone(certificates);
    }
    return NULL;
}

Certificates *certificates_new(const char *directory, Err *err)
{
    Certificates *certificates = mem_alloc(sizeof(*certificates));

    certificates->directory = mem_strdup(directory);
    pthread_rwlock_init(&certificates->lock, NULL);
    certificates->front = new_context();
    SSL_CTX_set_tlsext_servername_callback(certificates->front, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(certificates->front, certificates);
    if (read_directory(certificates, err) == 0)
        return certificates;
    SSL_CTX_free(certificates->front);
    free(certificates->directory);
    free(certificates);
    return NULL;
}

int certificates_start(Certificates *certificates)
{
    return thread_start("certificates", follow_thread, certificates);
}
