/* Which host and path leads where on this node: an immutable table, shared by counting and replaced
 * whole. Pure. */
#ifndef AGENT_INGRESS_TABLE_H
#define AGENT_INGRESS_TABLE_H

#include "ingress_head.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

typedef struct Address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t len;
} Address;

/* "10.0.0.2" or "fd00::2". False when it is neither. */
bool address_parse(const char *ip, int port, Address *ret);
bool address_same(const Address *a, const Address *b);
uint32_t address_hash(const Address *address);
#define ADDRESS_TEXT_MAX (INET6_ADDRSTRLEN + 9)
void address_text(const Address *address, char out[static ADDRESS_TEXT_MAX]);

typedef struct IngressRoute {
    char *host; /* lower case; "*.example.com" takes every name of one label more */
    char *path; /* "/" takes all; "/a" takes /a and what is below it; the longest wins */
    char *project;
    char *service;
    bool ready; /* runs, is healthy, and has an address */
    Address address;
} IngressRoute;

void ingress_route_done(IngressRoute *route);
bool ingress_routes_same(const IngressRoute *a, size_t a_count, const IngressRoute *b,
                         size_t b_count);

typedef struct IngressTable IngressTable;

/* Copies the routes. Of two with one host and path the first counts. */
IngressTable *ingress_table_new(const IngressRoute *const *routes, size_t count);
void ingress_table_free(IngressTable *table);

typedef struct IngressMatch {
    bool host_known;           /* some project here has this host */
    bool by_wildcard;          /* ... among others: an exact one may be elsewhere */
    const IngressRoute *route; /* NULL: none of its paths fits; the table's */
} IngressMatch;

/* `target` is a path with or without a query. */
IngressMatch ingress_table_find(const IngressTable *table, const char *host, Text target);

bool ingress_table_leads_to(const IngressTable *table, const Address *address);

#endif
