/* Manifests from files, directories, standard input and URLs. */
#ifndef CTL_MANIFEST_H
#define CTL_MANIFEST_H

#include "command.h"

#include <jansson.h>

/* Everything that all -f of the line name, in order, lists opened up, as one JSON array of Node and
 * Project objects owned by the caller. Errors are worded as in contract 6.2; `verb` is the
 * command's own prefix ("apply"). What the objects hold is for the server to judge. */
int manifest_read_flags(const CommandLine *line, const char *verb, json_t **ret_items, Err *err);

/* The body that carries `count` manifests as JSON, owned by the caller; NULL with err when it is
 * more than the server takes at once. */
char *manifest_encode(const json_t *body, size_t count, const char *verb, Err *err);

/* Adds the objects of one text to items. `origin` names it in errors. */
int manifest_parse(const char *text, size_t len, const char *origin, const char *verb,
                   json_t *items, Err *err);

#endif
