#include "demand.h"

#include "cara/mem.h"
#include "cara/quantity.h"

#include <ctype.h>
#include <string.h>

#define NANO             1000000000
#define SHARES_PER_CORE  1024
#define SHARES_MIN       2                 /* the kernel's bounds */
#define SHARES_MAX       262144            /* of cpu.shares */
#define NANO_CPUS_MIN    10000000          /* a hundredth of a core: less is no time slice */
#define MEMORY_MIN       (6 * 1024 * 1024) /* less the engine refuses; for a request it is as good */
#define SCALE_MEMORY     0
#define SCALE_MILLICORES 3
#define SCALE_NANOCORES  9
#define PROTOCOL_BYTES   8

/* resources.GROUP.NAME; *ret is 0 when it is not asked for. */
static int quantity_at(const json_t *service, const char *group, const char *name, int scale,
                       int64_t *ret, Err *err)
{
    const json_t *resources = json_object_get(service, "resources");
    const char *text = json_string_value(json_object_get(json_object_get(resources, group), name));

    *ret = 0;
    if (text == NULL)
        return 0;
    if (quantity_parse(text, scale, ret, err) < 0)
        return err_prefix(err, "resources.%s.%s", group, name);
    return 0;
}

/* The request, or the limit when there is none. */
static int request(const json_t *service, const char *name, int scale, int64_t *ret, Err *err)
{
    if (quantity_at(service, "requests", name, scale, ret, err) < 0)
        return -1;
    return *ret > 0 ? 0 : quantity_at(service, "limits", name, scale, ret, err);
}

static void set(json_t *host, const char *name, int64_t value)
{
    json_object_set_new(host, name, json_integer(value));
}

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
    return value < min ? min : value > max ? max : value;
}

static int set_memory(const json_t *service, json_t *host, Err *err)
{
    int64_t limit;
    int64_t requested;

    if (quantity_at(service, "limits", "memory", SCALE_MEMORY, &limit, err) < 0 ||
        request(service, "memory", SCALE_MEMORY, &requested, err) < 0)
        return -1;
    if (limit > 0) {
        set(host, "Memory", limit);
        set(host, "MemorySwap", limit); /* with swap: without this, as much again could be used */
    }
    if (requested > 0)
        set(host, "MemoryReservation", clamp(requested, MEMORY_MIN, INT64_MAX));
    return 0;
}

static int set_cpu(const json_t *service, json_t *host, Err *err)
{
    int64_t limit;
    int64_t requested;

    if (quantity_at(service, "limits", "cpu", SCALE_NANOCORES, &limit, err) < 0 ||
        request(service, "cpu", SCALE_MILLICORES, &requested, err) < 0)
        return -1;
    if (limit > 0)
        set(host, "NanoCpus", limit);
    if (requested > 0)
        set(host, "CpuShares",
            clamp(clamp(requested, 0, SHARES_MAX * (int64_t)1000) * SHARES_PER_CORE / 1000,
                  SHARES_MIN, SHARES_MAX));
    return 0;
}

int demand_resources(const json_t *service, json_t *host, Err *err)
{
    return set_memory(service, host, err) < 0 || set_cpu(service, host, err) < 0 ? -1 : 0;
}

void demand_fit(json_t *host, int cpus)
{
    json_int_t limit = json_integer_value(json_object_get(host, "NanoCpus"));

    if (limit > 0)
        set(host, "NanoCpus", clamp(limit, NANO_CPUS_MIN, (int64_t)cpus * NANO));
}

/* ---- ports
 * -------------------------------------------------------------------------------------------- */

static json_int_t host_port(const json_t *port)
{
    return json_integer_value(json_object_get(port, "hostPort"));
}

bool demand_has_host_port(const json_t *service)
{
    size_t i;
    json_t *port;

    json_array_foreach (json_object_get(service, "ports"), i, port) {
        if (host_port(port) > 0)
            return true;
    }
    return false;
}

/* "80/tcp" */
static char *engine_port(const json_t *port)
{
    const char *protocol = json_string_value(json_object_get(port, "protocol"));
    char lower[PROTOCOL_BYTES] = "tcp";

    for (size_t i = 0; protocol != NULL && protocol[i] != '\0' && i < sizeof(lower) - 1; i++) {
        lower[i] = (char)tolower((unsigned char)protocol[i]);
        lower[i + 1] = '\0';
    }
    return mem_printf("%lld/%s",
                      (long long)json_integer_value(json_object_get(port, "containerPort")), lower);
}

static void bind_port(json_t *bindings, const char *name, json_int_t number)
{
    json_t *list = json_object_get(bindings, name);

    if (list == NULL) {
        list = json_array();
        json_object_set_new(bindings, name, list);
    }
    json_t *binding = json_object();
    json_object_set_new(binding, "HostPort",
                        json_sprintf("%lld", (long long)number)); /* on every address */
    json_array_append_new(list, binding);
}

void demand_ports(const json_t *service, json_t *body, json_t *host)
{
    json_t *exposed = json_object();
    json_t *bindings = json_object();
    size_t i;
    json_t *port;

    json_array_foreach (json_object_get(service, "ports"), i, port) {
        _cleanup_(mem_freep) char *name = engine_port(port);
        json_object_set_new(exposed, name, json_object());
        if (host_port(port) > 0)
            bind_port(bindings, name, host_port(port));
    }
    if (json_object_size(exposed) > 0)
        json_object_set(body, "ExposedPorts", exposed);
    if (json_object_size(bindings) > 0)
        json_object_set(host, "PortBindings", bindings);
    json_decref(exposed);
    json_decref(bindings);
}
