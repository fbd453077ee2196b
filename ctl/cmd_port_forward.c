/* caractrl port-forward: local ports whose connections end in a container, through its node's
 * agent. */
#include "cara/mem.h"
#include "cara/tunnel.h"
#include "command.h"
#include "forwarder.h"
#include "target.h"

#include <stdio.h>
#include <string.h>

#define PORTS_MAX     64
#define ADDRESSES_MAX 8

static const Flag flags[] = {
    { "address", 0, "ip,...", "127.0.0.1", false,
      "addresses to listen on, separated by commas; localhost is 127.0.0.1 and ::1", NULL },
    { "node", 0, "node", NULL, false,
      "the node to go through, or its agent's host:port; default: the one that has the project",
      NULL },
    { .name = NULL },
};

typedef struct PortPair {
    uint16_t local;
    uint16_t remote;
} PortPair;

typedef struct PortForward {
    char *project; /* owned */
    char *service; /* owned */
    PortPair ports[PORTS_MAX];
    size_t port_count;
    char *addresses[ADDRESSES_MAX]; /* owned */
    size_t address_count;
    DialPlace places[PORTS_MAX];
} PortForward;

static void port_forward_done(PortForward *pf)
{
    free(pf->project);
    free(pf->service);
    for (size_t i = 0; i < pf->address_count; i++)
        free(pf->addresses[i]);
    for (size_t i = 0; i < pf->port_count; i++)
        dial_place_done(&pf->places[i]);
}

/* ---- words to ports and addresses ------------------------------------------------------------ */

static int parse_port(const char *text, size_t len, bool may_be_zero, uint16_t *ret)
{
    unsigned long value = 0;
    size_t i = len > 1 && text[0] == '+';

    for (; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (unsigned long)(text[i] - '0');
        if (value > UINT16_MAX)
            return -1;
    }
    if (len == 0 || (value == 0 && !may_be_zero))
        return -1;
    *ret = (uint16_t)value;
    return 0;
}

/* "80", "8080:80", "0:80" */
static int parse_pair(const char *text, PortPair *ret, Err *err)
{
    const char *colon = strchr(text, ':');

    if (colon == NULL) {
        if (parse_port(text, strlen(text), false, &ret->remote) < 0)
            return err_set(err, ERR_INVALID, "invalid port \"%.64s\"", text);
        ret->local = ret->remote;
        return 0;
    }
    if (parse_port(text, (size_t)(colon - text), true, &ret->local) < 0)
        return err_set(err, ERR_INVALID, "invalid local port \"%.*s\"", (int)(colon - text), text);
    if (parse_port(colon + 1, strlen(colon + 1), false, &ret->remote) < 0)
        return err_set(err, ERR_INVALID, "invalid remote port \"%.64s\"", colon + 1);
    return 0;
}

static int parse_addresses(PortForward *pf, const char *list, Err *err)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        bool both = len == 9 && strncmp(list, "localhost", len) == 0;
        if (pf->address_count + 2 > ADDRESSES_MAX)
            return err_set(err, ERR_INVALID, "--address: more than %d addresses",
                           ADDRESSES_MAX - 1);
        if (len > 0)
            pf->addresses[pf->address_count++] =
                both ? mem_strdup("127.0.0.1") : mem_strndup(list, len);
        if (both)
            pf->addresses[pf->address_count++] = mem_strdup("::1");
        list += len;
        list += *list == ',';
    }
    if (pf->address_count == 0)
        return err_set(err, ERR_INVALID, "--address needs an IP address or localhost");
    return 0;
}

static int parse(PortForward *pf, const CommandLine *line, Err *err)
{
    if (target_split(line->args[0], &pf->project, &pf->service, err) < 0)
        return -1;
    if (line->arg_count - 1 > PORTS_MAX)
        return err_set(err, ERR_INVALID, "more than %d ports", PORTS_MAX);
    for (size_t i = 1; i < line->arg_count; i++)
        if (parse_pair(line->args[i], &pf->ports[pf->port_count++], err) < 0)
            return -1;
    return parse_addresses(pf, command_line_value(line, "address"), err);
}

/* ---- what it does ---------------------------------------------------------------------------- */

static int listen_all(PortForward *pf, const AgentAddress *agent, Forwarder *forwarder, Err *err)
{
    for (size_t i = 0; i < pf->port_count; i++) {
        _cleanup_(mem_freep) char *project = http_escape(pf->project);
        _cleanup_(mem_freep) char *service = http_escape(pf->service);
        _cleanup_(mem_freep) char *path =
            mem_printf("/api/v1/forward/%s/%s/%u", project, service, pf->ports[i].remote);
        if (dial_place_init(&pf->places[i], agent, path, TUNNEL_PROTOCOL, err) < 0)
            return -1;
        for (size_t a = 0; a < pf->address_count; a++) {
            _cleanup_(mem_freep) char *address = NULL;
            if (forwarder_listen(forwarder, pf->addresses[a], pf->ports[i].local, &pf->places[i],
                                 &address, err) < 0)
                return -1;
            fprintf(stderr, "Forwarding %s -> %s/%s:%u\n", address, pf->project, pf->service,
                    pf->ports[i].remote);
        }
    }
    return 0;
}

static int run(Ctl *ctl, const CommandLine *line, Err *err)
{
    _cleanup_(port_forward_done) PortForward pf = { 0 };
    _cleanup_(forwarder_freep) Forwarder *forwarder = NULL;
    _cleanup_(json_decrefp) json_t *project = NULL;
    AgentAddress agent;

    if (parse(&pf, line, err) < 0 ||
        target_find(ctl, pf.project, pf.service, command_line_value(line, "node"), &agent, &project,
                    err) < 0 ||
        target_check_runs(project, pf.service, err) < 0 || forwarder_new(&forwarder, err) < 0 ||
        listen_all(&pf, &agent, forwarder, err) < 0 || forwarder_run(forwarder, err) < 0)
        return -1;
    fprintf(stderr, "\nShutting down...\n");
    return 0;
}

extern const Command cmd_port_forward;
const Command cmd_port_forward = {
    .path = "port-forward",
    .args = "<project>/<service> [LOCAL:]REMOTE...",
    .brief = "Reach ports of a service from this machine",
    .description = "Listens on local ports; what connects there is connected with a port of the "
                   "service, through the agent\nof its node. LOCAL 0 picks a free port and says "
                   "which. Ctrl-C ends it, and all connections.",
    .flags = flags,
    .min_args = 2,
    .max_args = ARGS_ANY,
    .complete = COMPLETE_SERVICES,
    .run = run,
};
