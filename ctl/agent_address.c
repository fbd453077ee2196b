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

int agent_address_split_target(const char *target, char **ret_project, char **ret_service, Err *err)
{
    const char *slash = strchr(target, '/');

    if (slash == NULL || slash == target || slash[1] == '\0')
        return err_set(err, ERR_INVALID, "invalid target \"%.253s\": expected <project>/<service>",
                       target);
    *ret_project = mem_strndup(target, (size_t)(slash - target));
    *ret_service = mem_strdup(slash + 1);
    return 0;
}

/* The node that has the project; owned by the caller. */
static char *find_node(Ctl *ctl, const char *project, Err *err)
{
    _cleanup_(json_decrefp) json_t *object = NULL;
    _cleanup_(mem_freep) char *path = api_item_path(resource_project.path, project);

    if (api_call(ctl, "GET", path, NULL, NULL, &object, err) < 0) {
        err_prefix(err, "get project \"%.253s\"", project);
        return NULL;
    }
    const char *node = json_text_at(object, "status.nodeRef");
    if (*node == '\0') {
        err_set(
            err, ERR_CONFLICT,
            "project \"%.253s\" has no nodeRef (not scheduled); use --node to specify the agent "
            "address",
            project);
        return NULL;
    }
    return mem_strdup(node);
}

static int find_address(Ctl *ctl, const char *node, AgentAddress *ret, Err *err)
{
    _cleanup_(json_decrefp) json_t *object = NULL;
    _cleanup_(mem_freep) char *path = api_item_path(resource_node.path, node);

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
    snprintf(ret->host, sizeof(ret->host), "%s", ip);
    snprintf(ret->port, sizeof(ret->port), "%" PRId64, port);
    return 0;
}

int agent_address_find(Ctl *ctl, const char *project, const char *node, AgentAddress *ret, Err *err)
{
    _cleanup_(mem_freep) char *found = NULL;

    if (node != NULL && strchr(node, ':') != NULL)
        return agent_address_parse(node, ret, err);
    if (node == NULL || *node == '\0') {
        found = find_node(ctl, project, err);
        node = found;
    }
    return node != NULL ? find_address(ctl, node, ret, err) : -1;
}
