/* Validators of what is answered (ETag, If-None-Match). Pure. */
#ifndef CARA_SERVER_ETAG_H
#define CARA_SERVER_ETAG_H

#include <stdbool.h>
#include <stddef.h>

#define ETAG_DIGEST_LEN 32

/* The object's metadata.resourceVersion, which If-Match compares as well. The result points into
 * the body; false when there is none. */
bool etag_of_object(const char *body, size_t len, const char **ret, size_t *ret_len);

/* The first "resourceVersion" of a list that has its own ahead of its items. */
bool etag_of_list(const char *body, size_t len, const char **ret, size_t *ret_len);

/* A digest of the whole body, for lists that the version of no single thing tells apart. */
void etag_digest(const char *body, size_t len, char out[static ETAG_DIGEST_LEN + 1]);

/* Whether the value of an If-None-Match header names that validator: "a", W/"b", or *. */
bool etag_is_in(const char *header, size_t len, const char *etag, size_t etag_len);

#endif
