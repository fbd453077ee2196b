/* Where a request goes: a container here, another node's proxy, or nowhere. */
#include "ingress_conn.h"
#include "ingress_page.h"

#include "cara/mem.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define TARGET_MAX 2000 /* of a redirect */

static bool redirect(Client *client, const RequestHead *head)
{
    const IngressLoop *in = client->in;
    char location[HOST_MAX + TARGET_MAX + 32];
    char port[8] = "";

    if (client->tls || in->certificates == NULL || head->hop.base != NULL ||
        !certificates_have(in->certificates, client->host))
        return false;
    if (in->tls_port != 443)
        snprintf(port, sizeof(port), ":%d", in->tls_port);
    bool keeps_path = head->target.len <= TARGET_MAX && head->target.base[0] == '/';
    snprintf(location, sizeof(location), "https://%s%s%.*s", client->host, port,
             keeps_path ? (int)head->target.len : 1, keeps_path ? head->target.base : "/");
    bool simple = client->is_head || text_is(head->method, "GET", 3);
    client_send(client, &(Page){ .status = simple ? 301 : 308,
                                 .detail = "This host is served over HTTPS.",
                                 .location = location });
    return true;
}

/* Who sends this on: us, or another node's proxy that knows our key and says for whom. */
static Forwarding forwarding_of(Client *client, const RequestHead *head)
{
    const IngressLoop *in = client->in;
    Forwarding out = { .client = { client->peer, strlen(client->peer) },
                       .host = head->authority,
                       .proto = { client->tls ? "https" : "http", client->tls ? 5 : 4 } };

    client->hop = NULL;
    if (head->hop.base == NULL || client->moves)
        return out;
    size_t len = strlen(in->hop_key);
    if (head->hop.len != len || CRYPTO_memcmp(head->hop.base, in->hop_key, len) != 0) {
        client->hop = HOP_STALEKEY;
        return out;
    }
    if (head->forwarded_for.len > 0)
        out.client = head->forwarded_for;
    if (head->forwarded_host.len > 0)
        out.host = head->forwarded_host;
    if (head->forwarded_proto.len > 0)
        out.proto = head->forwarded_proto;
    return out;
}

/* What was written for one backend, to be written for another. */
static Forwarding forwarding_again(const RequestHead *head)
{
    return (Forwarding){ .client = head->forwarded_for,
                         .host = head->forwarded_host,
                         .proto = head->forwarded_proto };
}

typedef enum Routed { ROUTED, ROUTED_NOWHERE, ROUTED_LATER } Routed;

/* A host that is not here, or only by a wildcard. */
static Routed find_peer(Client *client, Forwarding *forwarding, PeerPlace *place)
{
    client->to_peer = false;
    if (!peers_find(client->in->peers, client, place))
        return ROUTED_LATER;
    if (place->state != PEER_THERE)
        return ROUTED_NOWHERE;
    client->to_peer = true;
    client->target = place->address;
    forwarding->hop_key = place->key;
    return ROUTED;
}

static Routed find_here(Client *client, const IngressMatch *match)
{
    char detail[HOST_MAX + 64];

    client->to_peer = false;
    if (match->route != NULL && match->route->ready) {
        client->target = match->route->address;
        return ROUTED;
    }
    if (match->route != NULL) {
        client_refuse_no_backend(client);
    } else {
        snprintf(detail, sizeof(detail), "Host \"%s\" has nothing at this path.", client->host);
        client_refuse(client, 404, detail);
    }
    return ROUTED_NOWHERE;
}

/* Where it is not ROUTED, the client has its answer, or waits. */
static Routed find_target(Client *client, const RequestHead *head, Forwarding *forwarding,
                          PeerPlace *place)
{
    IngressLoop *in = client->in;
    IngressMatch match = ingress_table_find(in->table, client->host, head->target);
    bool came_by_hop = head->hop.base != NULL && !client->moves;
    bool may_be_elsewhere = !came_by_hop && in->peers != NULL && client->host[0] != '\0';
    Routed routed = ROUTED_NOWHERE;

    if (match.host_known && !(match.by_wildcard && may_be_elsewhere))
        return find_here(client, &match);
    if (may_be_elsewhere)
        routed = find_peer(client, forwarding, place);
    if (routed != ROUTED_NOWHERE)
        return routed;
    if (match.host_known)
        return find_here(client, &match);
    if (came_by_hop) /* one hop at most */
        client_refuse(client, 421, "This node does not have the host.");
    else
        client_refuse_no_backend(client);
    return ROUTED_NOWHERE;
}

static void wait_for_lookup(Client *client, const char *data, size_t len)
{
    client->phase = PHASE_LOOKUP;
    client_wait(client, WAIT_LOOKUP);
    if (client->moves) {
        buf_reset(&client->sent);
        buf_add(&client->sent, data, len);
        return;
    }
    side_pause(&client->side);
    client_hold(client, data, len);
}

/* A head, whole and checked, and what came behind it. */
void route_request(Client *client, const RequestHead *head, char *data, size_t len, size_t head_len)
{
    PeerPlace place;
    Forwarding forwarding = client->moves ? forwarding_again(head) : forwarding_of(client, head);

    if (!client->moves && redirect(client, head))
        return;
    switch (find_target(client, head, &forwarding, &place)) {
    case ROUTED:
        client->moves = false;
        exchange_begin(client, head, &forwarding, data + head_len, len - head_len);
        break;
    case ROUTED_LATER:
        wait_for_lookup(client, data, len);
        break;
    case ROUTED_NOWHERE:
        break;
    }
}

void route_note(Client *client, const RequestHead *head)
{
    IngressLoop *in = client->in;

    memcpy(client->host, head->host, sizeof(client->host));
    client->minor = head->minor;
    client->keep_alive = head->keep_alive;
    client->is_head = head->is_head;
    client->is_safe_to_repeat = head->is_safe_to_repeat;
    client->wants_html = head->wants_html;
    client->upgrade = head->upgrade.len > 0;
    client->request = (Body){ .done = head->body == BODY_NONE };
    client->bytes = 0;
    client->began_ms = h2o_now(in->loop);
    if (in->access_log == NULL)
        return;
    free(client->line);
    client->line = mem_printf("%.*s %.*s", (int)head->method.len, head->method.base,
                              (int)head->target.len, head->target.base);
}
