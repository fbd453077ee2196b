#include "etag.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define LIST_HEAD_MAX 1024 /* a list's own version stands in its first bytes */

/* What stands between `mark` and the next quote. */
static bool quoted_after(const char *body, size_t len, const char *mark, const char **ret,
                         size_t *ret_len)
{
    const char *at = memmem(body, len, mark, strlen(mark));

    if (at == NULL)
        return false;
    at += strlen(mark);
    const char *end = memchr(at, '"', len - (size_t)(at - body));
    if (end == NULL)
        return false;
    *ret = at;
    *ret_len = (size_t)(end - at);
    return true;
}

/* Its generation is a bare number right before it, which no label's value can be: those are
 * strings.
 */
bool etag_of_object(const char *body, size_t len, const char **ret, size_t *ret_len)
{
    static const char mark[] = ",\"generation\":";
    static const char version[] = ",\"resourceVersion\":\"";
    const char *end = body + len;

    for (const char *at = body;
         (at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1)) != NULL;) {
        at += sizeof(mark) - 1;
        const char *digits = at;
        while (at < end && isdigit((unsigned char)*at))
            at++;
        if (at > digits && (size_t)(end - at) > sizeof(version) &&
            memcmp(at, version, sizeof(version) - 1) == 0)
            return quoted_after(at, (size_t)(end - at), version, ret, ret_len);
    }
    return false;
}

bool etag_of_list(const char *body, size_t len, const char **ret, size_t *ret_len)
{
    return quoted_after(body, len < LIST_HEAD_MAX ? len : LIST_HEAD_MAX, "\"resourceVersion\":\"",
                        ret, ret_len);
}

void etag_digest(const char *body, size_t len, char out[static ETAG_DIGEST_LEN + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };

    EVP_Digest(body, len, digest, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < ETAG_DIGEST_LEN / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

bool etag_is_in(const char *header, size_t len, const char *etag, size_t etag_len)
{
    const char *end = header + len;

    for (const char *at = header; at < end;) {
        if (*at == '*')
            return true;
        const char *open = memchr(at, '"', (size_t)(end - at));
        const char *close = open != NULL ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL;
        if (close == NULL)
            return false;
        if ((size_t)(close - open - 1) == etag_len && memcmp(open + 1, etag, etag_len) == 0)
            return true;
        for (at = close + 1; at < end && (*at == ',' || *at == ' ' || *at == '\t');)
            at++;
    }
    return false;
}
