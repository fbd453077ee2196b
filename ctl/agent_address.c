#include "agent_address.h"

#include "api.h"
#include "cara/mem.h"
#include "json_at.h"
#include "resource.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_PORT 9090

int agent_address_parse(const char *text, AgentAddress *ret, Err *err)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;

    if (len > 1 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(ret->host) || colon[1] == '\0' ||
        strlen(colon + 1) >= sizeof(ret->port) ||
        strspn(colon + 1, "0123456789") < strlen(colon + 1))
        return err_set(err, ERR_INVALID, "invalid --node \"%.200s\": expected a node or host:port",
                       text);
    ret->node[0] = '\0';
    snprintf(ret->host, sizeof(ret->host), "%.*s", (int)len, host);
    snprintf(ret->port, sizeof(ret->port), "%s", colon + 1);
    return 0;
}

char *agent_address_text(const AgentAddress *address)
{
    bool is_ipv6 = strchr(address->host, ':') != NULL;

    return mem_printf("%s%s%s:%s", is_ipv6 ? "[" : "", address->host, is_ipv6 ? "]" : "",
                      address->port);
}

int agent_address_find(Ctl *ctl, const char *node, AgentAddress *ret, Err *err)
{
    _cleanup_(json_decrefp) json_t *object = NULL;
    _cleanup_(mem_freep) char *path = api_item_path(resource_node.path, node);

    if (strchr(node, ':') != NULL)
        return agent_address_parse(node, ret, err);
    if (api_call(ctl, "GET", path, NULL, NULL, &object, err) < 0)
        return err_prefix(err, "get node \"%.253s\"", node);
    const char *ip = json_text_at(object, "status.network.ip");
    int64_t port = json_int_at(object, "status.network.agentPort");
    if (*ip == '\0' || strlen(ip) >= sizeof(ret->host))
        return err_set(
            err, ERR_CONFLICT,
            "node \"%.253s\" has no IP address; use --node host:port to specify the agent "
            "address directly",
            node);
    if (port <= 0 || port > UINT16_MAX) {
        _cleanup_(mem_freep) char *warning =
            mem_printf("node \"%s\" has no agentPort set, defaulting to %d", node, DEFAULT_PORT);
        ctl_print_warning(warning);
        port = DEFAULT_PORT;
    }
    snprintf(ret->node, sizeof(ret->node), "%s", node);
    snprintf(ret->host, sizeof(ret->host), "%s", ip);
    snprintf(ret->port, sizeof(ret->port), "%" PRId64, port);
    return 0;
}

int agent_address_silent(const AgentAddress *address, const char *why, Err *err)
{
    _cleanup_(mem_freep) char *where = agent_address_text(address);

    if (address->node[0] == '\0')
        return err_set(err, ERR_UNAVAILABLE, "the agent at %s does not answer: %s", where, why);
    return err_set(err, ERR_UNAVAILABLE, "node \"%s\": its agent at %s does not answer: %s",
                   address->node, where, why);
}
