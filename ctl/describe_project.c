#include "describe.h"

#include "cara/mem.h"
#include "ctl.h"
#include "json_at.h"
#include "print.h"

#include <inttypes.h>
#include <string.h>

static void cell_line(const char *key, const json_t *object, const char *path, Buf *out)
{
    buf_add_str(out, key);
    print_cell(json_text_at(object, path), "<none>", out);
    buf_add_str(out, "\n");
}

/* As cell_line, but no line at all when there is nothing. */
static void optional_line(const char *key, const json_t *object, const char *path, Buf *out)
{
    if (*json_text_at(object, path) != '\0')
        cell_line(key, object, path, out);
}

static void words_line(const char *key, const json_t *words, Buf *out)
{
    size_t i;
    json_t *word;

    if (json_array_size(words) == 0)
        return;
    buf_add_str(out, key);
    json_array_foreach (words, i, word) {
        const char *text = json_string_value(word);
        buf_add_str(out, i > 0 ? " " : "");
        print_clean(text != NULL ? text : "", out);
    }
    buf_add_str(out, "\n");
}

static void describe_resources(const json_t *service, Buf *out)
{
    static const char *const names[] = { "requests", "limits" };
    const json_t *resources = json_at(service, "resources");

    if (json_object_size(resources) > 0)
        buf_add_str(out, "      Resources:\n");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const json_t *amounts = json_at(resources, names[i]);
        if (json_object_size(amounts) == 0)
            continue;
        buf_printf(out, "        %s: ", names[i]);
        describe_add_pairs(amounts, out);
        buf_add_str(out, "\n");
    }
}

/* "80/TCP -> host 8080" */
static void describe_ports(const json_t *service, Buf *out)
{
    const json_t *ports = json_at(service, "ports");
    size_t i;
    json_t *port;

    if (json_array_size(ports) > 0)
        buf_add_str(out, "      Ports:\n");
    json_array_foreach (ports, i, port) {
        buf_printf(out, "        %" PRId64 "/", json_int_at(port, "containerPort"));
        print_cell(json_text_at(port, "protocol"), "TCP", out);
        if (json_int_at(port, "hostPort") != 0)
            buf_printf(out, " -> host %" PRId64, json_int_at(port, "hostPort"));
        buf_add_str(out, "\n");
    }
}

static void describe_service(const json_t *service, Buf *out)
{
    const json_t *env = json_at(service, "env");
    const json_t *mounts = json_at(service, "volumeMounts");
    size_t i;
    json_t *item;

    cell_line("    - Name:    ", service, "name", out);
    cell_line("      Image:   ", service, "image", out);
    if (json_array_size(env) > 0)
        buf_add_str(out, "      Env:\n");
    json_array_foreach (env, i, item) {
        buf_add_str(out, "        ");
        print_clean(json_text_at(item, "name"), out);
        buf_add_str(out, "=");
        print_clean(json_text_at(item, "value"), out);
        buf_add_str(out, "\n");
    }
    if (json_array_size(mounts) > 0)
        buf_add_str(out, "      Volume Mounts:\n");
    json_array_foreach (mounts, i, item) {
        buf_add_str(out, "        ");
        print_clean(json_text_at(item, "name"), out);
        buf_add_str(out, " -> ");
        print_clean(json_text_at(item, "mountPath"), out);
        buf_add_str(out, "\n");
    }
    words_line("      Command: ", json_at(service, "command"), out);
    words_line("      Args:    ", json_at(service, "args"), out);
    optional_line("      Restart: ", service, "restartPolicy", out);
    optional_line("      Pull:    ", service, "imagePullPolicy", out);
    words_line("      Health:  ", json_at(service, "healthcheck.test"), out);
    optional_line("      Grace:   ", service, "stopGracePeriod", out);
    describe_resources(service, out);
    describe_ports(service, out);
}

static void describe_volume(const json_t *volume, Buf *out)
{
    cell_line("    - Name:   ", volume, "name", out);
    cell_line("      Type:   ", volume, "type", out);
}

static void describe_ingress(const json_t *ingress, Buf *out)
{
    cell_line("    - Name:    ", ingress, "name", out);
    cell_line("      Host:    ", ingress, "host", out);
    if (json_text_at(ingress, "path")[0] != '\0')
        cell_line("      Path:    ", ingress, "path", out);
    buf_add_str(out, "      Target:  ");
    print_clean(json_text_at(ingress, "target.service"), out);
    buf_printf(out, ":%" PRId64 "\n", json_int_at(ingress, "target.port"));
    cell_line("      Scope:   ", ingress, "access.scope", out);
}

static void describe_list(const char *title, const json_t *items,
                          void (*describe)(const json_t *, Buf *), Buf *out)
{
    size_t i;
    json_t *item;

    buf_printf(out, "  %s:\n", title);
    if (json_array_size(items) == 0)
        buf_add_str(out, "    <none>\n");
    json_array_foreach (items, i, item)
        describe(item, out);
    buf_add_str(out, "\n");
}

/* ---- what runs ------------------------------------------------------------------------------- */

/* "exited (137, out of memory)" */
static void state_cell(const json_t *service, Buf *out)
{
    int64_t code = json_int_at(service, "exitCode");
    bool oom = json_is_true_at(service, "oomKilled");

    print_cell(json_text_at(service, "state"), "<unknown>", out);
    if (code != 0 || oom)
        buf_printf(out, " (%" PRId64 "%s)", code, oom ? ", out of memory" : "");
}

/* "nginx:1@sha256:0123456789ab" */
static void image_cell(const json_t *service, Buf *out)
{
    const char *digest = json_text_at(service, "imageDigest");

    print_cell(json_text_at(service, "image"), "<none>", out);
    if (*digest != '\0' && strchr(json_text_at(service, "image"), '@') == NULL) {
        _cleanup_(mem_freep) char *cut = mem_strndup(digest, strlen("sha256:") + 12);
        buf_add_str(out, "@");
        print_clean(cut, out);
    }
}

static void describe_containers(const json_t *project, Buf *out)
{
    const json_t *services = json_at(project, "status.services");
    _cleanup_(buf_done) Buf rows = { .max = CTL_OUTPUT_MAX };
    size_t i;
    json_t *service;

    if (json_array_size(services) == 0)
        return;
    buf_add_str(&rows, "NAME\tSTATE\tHEALTH\tRESTARTS\tIP\tCONTAINER\tIMAGE\tMESSAGE\n");
    json_array_foreach (services, i, service) {
        print_cell(json_text_at(service, "name"), "", &rows);
        buf_add_str(&rows, "\t");
        state_cell(service, &rows);
        buf_add_str(&rows, "\t");
        print_cell(json_text_at(service, "health"), "<none>", &rows);
        buf_printf(&rows, "\t%" PRId64 "\t", json_int_at(service, "restarts"));
        print_cell(json_text_at(service, "ip"), "<none>", &rows);
        buf_add_str(&rows, "\t");
        print_cell(json_text_at(service, "containerId"), "<none>", &rows);
        buf_add_str(&rows, "\t");
        image_cell(service, &rows);
        buf_add_str(&rows, "\t");
        print_cell(json_text_at(service, "message"), "<none>", &rows);
        buf_add_str(&rows, "\n");
    }
    buf_add_str(out, "\nServices:\n");
    describe_table(buf_str(&rows), out);
}

void describe_project(const json_t *project, int64_t now, Buf *out)
{
    describe_metadata(project, "Project", now, out);
    buf_add_str(out, "\nSpec:\n");
    describe_list("Services", json_at(project, "spec.services"), describe_service, out);
    describe_list("Volumes", json_at(project, "spec.volumes"), describe_volume, out);
    describe_list("Ingress", json_at(project, "spec.ingress"), describe_ingress, out);
    describe_time("  Expire At", project, "spec.expireAt", now, out);
    describe_placement(json_at(project, "spec"), out);
    buf_add_str(out, "\nStatus:\n");
    describe_text("  Phase", project, "status.phase", out);
    describe_text("  Node", project, "status.nodeRef", out);
    describe_conditions(project, out);
    describe_containers(project, out);
}
