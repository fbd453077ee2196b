#include "describe.h"

#include "cara/mem.h"
#include "json_at.h"
#include "print.h"

#include <inttypes.h>

/* "  cpu:<TAB>8", a line each. */
static void describe_amounts(const char *title, const json_t *map, Buf *out)
{
    size_t count;
    const char **keys = json_sorted_keys(map, &count);

    buf_printf(out, "%s:\n", title);
    if (count == 0)
        buf_add_str(out, "  <none>\n");
    for (size_t i = 0; i < count; i++) {
        const char *value = json_string_value(json_object_get(map, keys[i]));
        buf_add_str(out, "  ");
        print_clean(keys[i], out);
        buf_add_str(out, ":\t");
        print_cell(value != NULL ? value : "", "<none>", out);
        buf_add_str(out, "\n");
    }
    free(keys);
}

static void describe_network(const json_t *node, int64_t now, Buf *out)
{
    int64_t port = json_int_at(node, "status.network.agentPort");

    buf_add_str(out, "\nNetwork:\n");
    describe_text("  IP", node, "status.network.ip", out);
    describe_text("  DNS Name", node, "status.network.dnsName", out);
    describe_text("  Mode", node, "status.network.mode", out);
    if (port != 0)
        buf_printf(out, "  Agent Port:\t%" PRId64 "\n", port);
    else
        buf_add_str(out, "  Agent Port:\t<none>\n");
    buf_add_str(out, "  Throughput:\n");
    describe_text("    Download", node, "status.network.throughput.download", out);
    describe_text("    Upload", node, "status.network.throughput.upload", out);
    describe_time("    Last Test", node, "status.network.throughput.lastTestTime", now, out);
}

/* What it keeps back and whom it keeps off, where there is any. */
static void describe_offer(const json_t *node, Buf *out)
{
    const json_t *taints = json_at(node, "spec.taints");
    const json_t *reserved = json_at(node, "spec.reserved");
    size_t i;
    json_t *taint;

    json_array_foreach (taints, i, taint) {
        buf_add_str(out, i > 0 ? ", " : "  Taints:\t");
        describe_add_taint(taint, out);
    }
    if (json_array_size(taints) > 0)
        buf_add_str(out, "\n");
    if (json_object_size(reserved) > 0) {
        buf_add_str(out, "  Reserved:\t");
        describe_add_pairs(reserved, out);
        buf_add_str(out, "\n");
    }
}

void describe_node(const json_t *node, int64_t now, Buf *out)
{
    describe_metadata(node, "Node", now, out);
    buf_add_str(out, "\nSpec:\n");
    describe_text("  Hostname", node, "spec.hostname", out);
    buf_printf(out, "  Unschedulable:\t%s\n",
               json_is_true_at(node, "spec.unschedulable") ? "true" : "false");
    describe_offer(node, out);
    buf_add_str(out, "\nStatus:\n");
    describe_text("  State", node, "status.state", out);
    describe_time("  Last Heartbeat", node, "status.lastHeartbeat", now, out);
    buf_add_str(out, "\nInfo:\n");
    describe_text("  Kernel Version", node, "status.info.kernelVersion", out);
    describe_text("  OS Image", node, "status.info.osImage", out);
    describe_text("  Agent Version", node, "status.info.agentVersion", out);
    describe_network(node, now, out);
    buf_add_str(out, "\n");
    describe_amounts("Capacity", json_at(node, "status.capacity"), out);
    describe_amounts("Allocatable", json_at(node, "status.allocatable"), out);
    describe_conditions(node, out);
}

/* "  cpu:<TAB>1500m of 4 (38%)"; of how much only where the node said so. */
static void describe_share(const char *key, const json_t *share, Buf *out)
{
    buf_printf(out, "  %s:\t", key);
    print_cell(json_text_at(share, "requested"), "0", out);
    if (*json_text_at(share, "of") != '\0') {
        buf_add_str(out, " of ");
        print_clean(json_text_at(share, "of"), out);
    }
    if (json_at(share, "percent") != NULL)
        buf_printf(out, " (%" PRId64 "%%)", json_int_at(share, "percent"));
    buf_add_str(out, "\n");
}

void describe_room(const json_t *room, Buf *out)
{
    buf_add_str(out, "\nAllocated resources:\n");
    buf_printf(out, "  Projects:\t%" PRId64 "\n", json_int_at(room, "projects"));
    describe_share("cpu", json_at(room, "cpu"), out);
    describe_share("memory", json_at(room, "memory"), out);
}
