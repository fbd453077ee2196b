#include "upgrade.h"

#include "cara/mem.h"
#include "cara/tunnel.h"
#include "cara/websocket.h"
#include "httpd_call.h"

#include <h2o/http1.h>
#include <string.h>

typedef struct Upgrade {
    UpgradeDone done;
    void *arg;
} Upgrade;

static h2o_iovec_t header(h2o_req_t *req, const char *name)
{
    ssize_t at = h2o_find_header_by_str(&req->headers, name, strlen(name), -1);

    return at >= 0 ? req->headers.entries[at].value : h2o_iovec_init(NULL, 0);
}

bool upgrade_is_asked(h2o_req_t *req)
{
    h2o_iovec_t version = header(req, "sec-websocket-version");
    h2o_iovec_t key = header(req, "sec-websocket-key");

    return h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) &&
           req->version >= 0x101 && req->upgrade.base != NULL &&
           h2o_contains_token(req->upgrade.base, req->upgrade.len, H2O_STRLIT("websocket"), ',') &&
           h2o_memis(version.base, version.len, H2O_STRLIT("13")) && key.base != NULL &&
           websocket_key_is_valid(key.base, key.len);
}

bool upgrade_offers(h2o_req_t *req, const char *protocol)
{
    ssize_t at = -1;

    while ((at = h2o_find_header_by_str(&req->headers, H2O_STRLIT("sec-websocket-protocol"), at)) >=
           0) {
        h2o_iovec_t list = req->headers.entries[at].value;
        if (h2o_contains_token(list.base, list.len, protocol, strlen(protocol), ','))
            return true;
    }
    return false;
}

void upgrade_refuse(h2o_req_t *req)
{
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("sec-websocket-version"), 0,
                          NULL, H2O_STRLIT("13"));
    httpd_answer_text(req, 400, "Bad Request\n");
}

static void on_upgraded(void *data, h2o_socket_t *sock, size_t request_size)
{
    Upgrade *upgrade = data;

    if (sock == NULL) {
        upgrade->done(upgrade->arg, NULL, NULL, 0);
    } else {
        h2o_buffer_t *input = sock->input;
        h2o_buffer_init(&sock->input, &h2o_socket_buffer_prototype);
        h2o_socket_dont_read(sock, 1);
        tunnel_keep_alive(h2o_socket_get_fd(sock));
        h2o_buffer_consume(&input, request_size);
        upgrade->done(upgrade->arg, sock, input->bytes, input->size);
        h2o_buffer_dispose(&input); /* an idle connection needs none */
    }
    free(upgrade);
}

void upgrade_start(h2o_req_t *req, const char *protocol, UpgradeDone done, void *arg)
{
    h2o_iovec_t key = header(req, "sec-websocket-key");
    char proof[WEBSOCKET_PROOF_SIZE];
    Upgrade *upgrade = mem_alloc(sizeof(*upgrade));

    upgrade->done = done;
    upgrade->arg = arg;
    websocket_make_proof(key.base, key.len, proof);
    h2o_iovec_t kept = h2o_strdup(&req->pool, proof, strlen(proof));
    req->res.status = 101;
    req->res.reason = "Switching Protocols";
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_UPGRADE, NULL, H2O_STRLIT("websocket"));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("sec-websocket-accept"), 0,
                          NULL, kept.base, kept.len);
    if (protocol != NULL)
        h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("sec-websocket-protocol"),
                              0, NULL, protocol, strlen(protocol));
    h2o_http1_upgrade(req, NULL, 0, on_upgraded, upgrade);
}
