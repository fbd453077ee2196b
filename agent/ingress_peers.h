/* Where the projects of other nodes are. Asked of cara-server by a thread of its own, one host at a
 * time; the loop has the answers of the last seconds and never waits for one that it has, however
 * old: while the server is away the last answers hold. */
#ifndef AGENT_INGRESS_PEERS_H
#define AGENT_INGRESS_PEERS_H

#include "cara/err.h"
#include "ingress_table.h"

typedef struct Peers Peers;
struct Client;
struct IngressLoop;

typedef enum PeerState {
    PEER_UNKNOWN, /* nobody has this host */
    PEER_NOWHERE, /* a project has it, and no node runs that now; or that node has no proxy */
    PEER_THERE,
} PeerState;

typedef struct PeerPlace {
    PeerState state;
    Address address;
    char key[65]; /* proves to that node's proxy who sends */
} PeerPlace;

/* node: this one's name, whose own hosts are in the table if they can be served at all. */
Peers *peers_new(struct IngressLoop *in, const char *server_url, const char *node, Err *err);

/* On the loop. True and the answer, or false: client_continue() is called when there is one. */
bool peers_find(Peers *peers, struct Client *client, PeerPlace *ret);

/* As peers_find, where the last answer was wrong: always asks. */
void peers_find_again(Peers *peers, struct Client *client);

/* The next request for the host asks anew. */
void peers_forget(Peers *peers, const char *host);

/* The client is gone, or waits no longer. */
void peers_cancel(Peers *peers, struct Client *client);

#endif
