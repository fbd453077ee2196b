#include "ingress_side.h"

#include "cara/mem.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GATHER_MAX (16 * 1024) /* pieces smaller than a TLS record go into one */

void side_open(Side *side, h2o_socket_t *sock, void *owner, h2o_socket_cb on_read,
               void (*on_drained)(void *), void (*on_broken)(void *))
{
    *side = (Side){
        .sock = sock, .on_read = on_read, .on_drained = on_drained, .on_broken = on_broken
    };
    sock->data = owner;
    h2o_socket_dont_read(sock, 1);
}

static void forget_pending(Side *side)
{
    free(side->pending);
    side->pending = NULL;
    side->pending_at = side->pending_len = 0;
}

void side_close(Side *side)
{
    if (side->sock == NULL)
        return;
    if (side->ssl != NULL) {
        if (!side->shut_sent && SSL_is_init_finished(side->ssl)) {
            ERR_clear_error();
            SSL_shutdown(side->ssl);
        }
        SSL_free(side->ssl);
    }
    h2o_socket_close(side->sock);
    forget_pending(side);
    side->sock = NULL;
    side->ssl = NULL;
}

/* ---- reading
 * ------------------------------------------------------------------------------------------- */

static ssize_t read_tls(Side *side, char *data, size_t cap)
{
    ERR_clear_error();
    int n = SSL_read(side->ssl, data, cap < INT_MAX ? (int)cap : INT_MAX);

    if (n > 0)
        return n;
    switch (SSL_get_error(side->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return SIDE_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return SIDE_BROKEN;
    }
}

ssize_t side_read(Side *side, char *data, size_t cap)
{
    ssize_t n;

    if (side->ssl != NULL)
        return read_tls(side, data, cap);
    do {
        n = recv(h2o_socket_get_fd(side->sock), data, cap, 0);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK ? SIDE_AGAIN : SIDE_BROKEN;
}

void side_pause(Side *side)
{
    if (side->reading && side->sock != NULL)
        h2o_socket_read_stop(side->sock);
    side->reading = false;
}

void side_resume(Side *side)
{
    if (side->reading || side->sock == NULL)
        return;
    side->reading = true;
    h2o_socket_read_start(side->sock, side->on_read);
}

/* ---- writing
 * ------------------------------------------------------------------------------------------- */

static ssize_t write_tls(Side *side, const char *data, size_t len)
{
    if (len == 0)
        return 0;
    ERR_clear_error();
    int n = SSL_write(side->ssl, data, len < INT_MAX ? (int)len : INT_MAX);

    if (n > 0)
        return n;
    int error = SSL_get_error(side->ssl, n);
    return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? SIDE_AGAIN : SIDE_BROKEN;
}

/* A head and the beginning of its body are small: they share a record. */
static ssize_t write_tls_pieces(Side *side, const struct iovec *pieces, size_t count)
{
    char gathered[GATHER_MAX];
    size_t len = 0;

    if (count == 0)
        return 0;
    if (pieces[0].iov_len >= sizeof(gathered) || count == 1)
        return write_tls(side, pieces[0].iov_base, pieces[0].iov_len);
    for (size_t i = 0; i < count && len < sizeof(gathered); i++) {
        size_t n = pieces[i].iov_len;
        if (n > sizeof(gathered) - len)
            n = sizeof(gathered) - len;
        memcpy(gathered + len, pieces[i].iov_base, n);
        len += n;
    }
    return write_tls(side, gathered, len);
}

static ssize_t write_some(Side *side, struct iovec *pieces, size_t count)
{
    struct msghdr message = { .msg_iov = pieces, .msg_iovlen = count };
    ssize_t n;

    if (side->ssl != NULL)
        return write_tls_pieces(side, pieces, count);
    do {
        n = sendmsg(h2o_socket_get_fd(side->sock), &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK ? SIDE_AGAIN : SIDE_BROKEN;
}

static void on_writable(h2o_socket_t *sock, const char *error);

static void keep(Side *side, const struct iovec *pieces, size_t count)
{
    size_t more = 0;
    bool first = side->pending_len == 0;

    for (size_t i = 0; i < count; i++)
        more += pieces[i].iov_len;
    if (more == 0)
        return;
    if (side->pending_at > 0)
        memmove(side->pending, side->pending + side->pending_at, side->pending_len);
    side->pending_at = 0;
    side->pending = mem_grow(side->pending, side->pending_len + more, 1);
    for (size_t i = 0; i < count; i++) {
        memcpy(side->pending + side->pending_len, pieces[i].iov_base, pieces[i].iov_len);
        side->pending_len += pieces[i].iov_len;
    }
    if (first && !side->connecting)
        h2o_socket_notify_write(side->sock, on_writable);
}

/* Drops the first n bytes of the pieces. */
static void advance(struct iovec **pieces, size_t *count, size_t n)
{
    while (*count > 0 && n >= (*pieces)->iov_len) {
        n -= (*pieces)->iov_len;
        (*pieces)++;
        (*count)--;
    }
    if (*count > 0) {
        (*pieces)->iov_base = (char *)(*pieces)->iov_base + n;
        (*pieces)->iov_len -= n;
    }
}

int side_send(Side *side, struct iovec *pieces, size_t count)
{
    if (side->sock == NULL)
        return -1;
    while (count > 0 && side->pending_len == 0 && !side->connecting) {
        ssize_t n = write_some(side, pieces, count);
        if (n == SIDE_BROKEN)
            return -1;
        if (n == SIDE_AGAIN)
            break;
        advance(&pieces, &count, (size_t)n);
        if (side->ssl == NULL && count > 0)
            break; /* the kernel took what it had room for */
    }
    keep(side, pieces, count);
    return 0;
}

static void tell_end(Side *side)
{
    if (side->shut_sent || side->sock == NULL)
        return;
    side->shut_sent = true;
    if (side->ssl != NULL) {
        ERR_clear_error();
        SSL_shutdown(side->ssl);
    }
    shutdown(h2o_socket_get_fd(side->sock), SHUT_WR);
}

void side_shut(Side *side)
{
    side->shut = true;
    if (side->pending_len == 0 && !side->connecting)
        tell_end(side);
}

/* The sides are members of what a socket's data points to: the socket tells which. */
typedef struct SideOwner {
    Side side;
} SideOwner;

static void on_writable(h2o_socket_t *sock, const char *error)
{
    SideOwner *owner = sock->data; /* a side is the first member of its owner */
    Side *side = &owner->side;
    struct iovec piece = { side->pending + side->pending_at, side->pending_len };
    ssize_t n = error == NULL ? write_some(side, &piece, 1) : SIDE_BROKEN;

    if (n == SIDE_BROKEN) {
        side->on_broken(owner);
        return;
    }
    if (n > 0) {
        side->pending_at += (size_t)n;
        side->pending_len -= (size_t)n;
    }
    if (side->pending_len > 0) {
        h2o_socket_notify_write(sock, on_writable);
        return;
    }
    forget_pending(side);
    if (side->shut)
        tell_end(side);
    side->on_drained(owner);
}

void side_connected(Side *side)
{
    side->connecting = false;
    if (side->pending_len > 0)
        on_writable(side->sock, NULL);
    else if (side->shut)
        tell_end(side);
}
