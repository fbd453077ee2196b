#include "ingress_table.h"

#include "cara/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- addresses
 * ----------------------------------------------------------------------------------------- */

bool address_parse(const char *ip, int port, Address *ret)
{
    Address out = { .len = sizeof(struct sockaddr_in) };

    if (inet_pton(AF_INET, ip, &out.v4.sin_addr) == 1) {
        out.v4.sin_family = AF_INET;
        out.v4.sin_port = htons((uint16_t)port);
    } else {
        out = (Address){ .len = sizeof(struct sockaddr_in6) };
        if (inet_pton(AF_INET6, ip, &out.v6.sin6_addr) != 1)
            return false;
        out.v6.sin6_family = AF_INET6;
        out.v6.sin6_port = htons((uint16_t)port);
    }
    *ret = out;
    return true;
}

bool address_same(const Address *a, const Address *b)
{
    return a->len == b->len && memcmp(&a->any, &b->any, a->len) == 0;
}

/* FNV-1a */
static uint32_t hash_bytes(const void *data, size_t len)
{
    const unsigned char *bytes = data;
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

uint32_t address_hash(const Address *address)
{
    return hash_bytes(&address->any, address->len);
}

void address_text(const Address *address, char out[static ADDRESS_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN] = "";

    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, ip, sizeof(ip));
        snprintf(out, ADDRESS_TEXT_MAX, "%s:%d", ip, ntohs(address->v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, ip, sizeof(ip));
        snprintf(out, ADDRESS_TEXT_MAX, "[%s]:%d", ip, ntohs(address->v6.sin6_port));
    }
}

/* ---- routes
 * -------------------------------------------------------------------------------------------- */

void ingress_route_done(IngressRoute *route)
{
    free(route->host);
    free(route->path);
    free(route->project);
    free(route->service);
    *route = (IngressRoute){ 0 };
}

static bool same_route(const IngressRoute *a, const IngressRoute *b)
{
    return a->ready == b->ready && strcmp(a->host, b->host) == 0 && strcmp(a->path, b->path) == 0 &&
           strcmp(a->service, b->service) == 0 &&
           (!a->ready || address_same(&a->address, &b->address));
}

bool ingress_routes_same(const IngressRoute *a, size_t a_count, const IngressRoute *b,
                         size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++)
        if (!same_route(&a[i], &b[i]))
            return false;
    return true;
}

/* ---- the table
 * ----------------------------------------------------------------------------------------- */

struct IngressTable {
    IngressRoute *routes; /* those of one host side by side, the longest path first */
    size_t count;
    size_t *slots; /* 0: empty; else 1 + where a host's routes begin */
    size_t mask;
};

static int by_host_and_path(const void *a, const void *b)
{
    const IngressRoute *const *left = a;
    const IngressRoute *const *right = b;
    int order = strcmp((*left)->host, (*right)->host);
    size_t left_len = strlen((*left)->path);
    size_t right_len = strlen((*right)->path);

    if (order == 0)
        order = left_len < right_len ? 1 : left_len > right_len ? -1 : 0;
    if (order == 0)
        order = strcmp((*left)->path, (*right)->path);
    if (order == 0)
        order = strcmp((*left)->project, (*right)->project);
    return order;
}

static IngressRoute copy_route(const IngressRoute *route)
{
    IngressRoute copy = *route;

    copy.host = mem_strdup(route->host);
    copy.path = mem_strdup(route->path);
    copy.project = mem_strdup(route->project);
    copy.service = mem_strdup(route->service);
    return copy;
}

static void index_hosts(IngressTable *table)
{
    size_t size = 16;

    while (size < table->count * 2)
        size *= 2;
    table->slots = mem_alloc(size * sizeof(size_t));
    table->mask = size - 1;
    for (size_t i = 0; i < table->count; i++) {
        const char *host = table->routes[i].host;
        if (i > 0 && strcmp(host, table->routes[i - 1].host) == 0)
            continue;
        size_t slot = hash_bytes(host, strlen(host)) & table->mask;
        while (table->slots[slot] != 0)
            slot = (slot + 1) & table->mask;
        table->slots[slot] = i + 1;
    }
}

IngressTable *ingress_table_new(const IngressRoute *const *routes, size_t count)
{
    IngressTable *table = mem_alloc(sizeof(*table));
    _cleanup_(mem_freep) const IngressRoute **sorted = mem_alloc((count + 1) * sizeof(*sorted));

    table->routes = mem_alloc((count + 1) * sizeof(IngressRoute));
    for (size_t i = 0; i < count; i++)
        sorted[i] = routes[i];
    qsort(sorted, count, sizeof(*sorted), by_host_and_path);
    for (size_t i = 0; i < count; i++)
        table->routes[table->count++] = copy_route(sorted[i]);
    index_hosts(table);
    return table;
}

void ingress_table_free(IngressTable *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->count; i++)
        ingress_route_done(&table->routes[i]);
    free(table->routes);
    free(table->slots);
    free(table);
}

/* Where the routes of a host begin; NULL when there are none. `star` stands for the first label. */
static const IngressRoute *routes_of(const IngressTable *table, const char *host)
{
    size_t slot = hash_bytes(host, strlen(host)) & table->mask;

    for (; table->slots[slot] != 0; slot = (slot + 1) & table->mask)
        if (strcmp(table->routes[table->slots[slot] - 1].host, host) == 0)
            return &table->routes[table->slots[slot] - 1];
    return NULL;
}

static bool path_fits(const char *path, Text target)
{
    size_t len = strlen(path);

    if (target.len < len || memcmp(target.base, path, len) != 0)
        return len == 1; /* "/" takes "*" too */
    return path[len - 1] == '/' || target.len == len || target.base[len] == '/' ||
           target.base[len] == '?';
}

IngressMatch ingress_table_find(const IngressTable *table, const char *host, Text target)
{
    char wildcard[HOST_MAX + 1];
    const char *dot = strchr(host, '.');
    const IngressRoute *route = routes_of(table, host);

    if (route == NULL && dot != NULL) {
        snprintf(wildcard, sizeof(wildcard), "*%s", dot);
        route = routes_of(table, wildcard);
    }
    IngressMatch match = { .host_known = route != NULL,
                           .by_wildcard = route != NULL && route->host[0] == '*' };
    if (route == NULL)
        return match;
    const char *found = route->host;
    for (; route < table->routes + table->count && strcmp(route->host, found) == 0; route++) {
        if (path_fits(route->path, target)) {
            match.route = route;
            break;
        }
    }
    return match;
}

bool ingress_table_leads_to(const IngressTable *table, const Address *address)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->routes[i].ready && address_same(&table->routes[i].address, address))
            return true;
    return false;
}
