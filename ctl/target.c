#include "target.h"

#include "api.h"
#include "cara/mem.h"
#include "json_at.h"
#include "resource.h"

#include <stdio.h>
#include <string.h>

int target_split(const char *target, char **ret_project, char **ret_service, Err *err)
{
    const char *rest = target;
    const char *name;

    if (resource_of_arg(target, &name) == &resource_project && strchr(name, '/') != NULL)
        rest = name;
    const char *slash = strchr(rest, '/');
    if (slash == NULL || slash == rest || slash[1] == '\0')
        return err_set(err, ERR_INVALID, "invalid target \"%.253s\": expected <project>/<service>",
                       target);
    *ret_project = mem_strndup(rest, (size_t)(slash - rest));
    *ret_service = mem_strdup(slash + 1);
    return 0;
}

/* The one of that name among services of a spec or a status; NULL when there is none. */
static const json_t *find_service(const json_t *project, const char *path, const char *name)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_at(project, path), i, item)
        if (strcmp(json_text_at(item, "name"), name) == 0)
            return item;
    return NULL;
}

/* A service that is only in the status is one that the newest spec no longer has. */
static int check_service(const json_t *project, const char *service, Err *err)
{
    _cleanup_(buf_done) Buf names = { .max = 512 };
    size_t i;
    json_t *item;

    if (find_service(project, "spec.services", service) != NULL ||
        find_service(project, "status.services", service) != NULL)
        return 0;
    json_array_foreach (json_at(project, "spec.services"), i, item)
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", json_text_at(item, "name"));
    return err_set(
        err, ERR_NOT_FOUND, "service \"%.64s\" not found in project \"%.253s\": it has %s", service,
        json_text_at(project, "metadata.name"), names.len > 0 ? buf_str(&names) : "none");
}

int target_find_agent(Ctl *ctl, const json_t *project, const char *node, AgentAddress *ret,
                      Err *err)
{
    if (node == NULL || *node == '\0')
        node = json_text_at(project, "status.nodeRef");
    if (*node == '\0')
        return err_set(err, ERR_CONFLICT,
                       "project \"%.253s\" has no nodeRef (not scheduled); use --node to specify "
                       "the agent address",
                       json_text_at(project, "metadata.name"));
    return agent_address_find(ctl, node, ret, err);
}

int target_find(Ctl *ctl, const char *project, const char *service, const char *node,
                AgentAddress *ret_agent, json_t **ret, Err *err)
{
    _cleanup_(json_decrefp) json_t *object = NULL;
    _cleanup_(mem_freep) char *path = api_item_path(resource_project.path, project);

    if (node != NULL && strchr(node, ':') != NULL)
        return agent_address_parse(node, ret_agent, err);
    if (api_call(ctl, "GET", path, NULL, NULL, &object, err) < 0)
        return err_prefix(err, "get project \"%.253s\"", project);
    if (service != NULL && check_service(object, service, err) < 0)
        return -1;
    if (target_find_agent(ctl, object, node, ret_agent, err) < 0)
        return -1;
    *ret = TAKE_PTR(object);
    return 0;
}

int target_check_runs(const json_t *project, const char *service, Err *err)
{
    static const struct {
        const char *state;
        const char *words;
    } dead[] = {
        { "created", "its container has not started" },
        { "exited", "its container has exited" },
        { "dead", "its container is dead" },
        { "missing", "it has no container" },
        { "pulling", "its image is being pulled" },
    };
    const json_t *status = find_service(project, "status.services", service);
    const json_t *code = json_at(status, "exitCode");
    const char *state = json_text_at(status, "state");
    const char *name = json_text_at(project, "metadata.name");
    char with_code[32] = "";

    if (json_is_integer(code))
        snprintf(with_code, sizeof(with_code), " with %d", (int)json_integer_value(code));
    for (size_t i = 0; i < ARRAY_LEN(dead); i++)
        if (strcmp(state, dead[i].state) == 0)
            return err_set(err, ERR_CONFLICT,
                           "service \"%.64s\" of project \"%.253s\" does not run: %s%s; caractrl "
                           "describe project %.253s tells more",
                           service, name, dead[i].words, with_code, name);
    return 0;
}
