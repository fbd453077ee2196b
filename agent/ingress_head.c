/* Requests, and the hosts they are for. */
#include "ingress_head.h"

#include "cara/mem.h"
#include "ingress_members.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---- hosts
 * --------------------------------------------------------------------------------------------- */

static bool is_host_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_';
}

static bool port_is_sound(const char *port, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (port[i] < '0' || port[i] > '9')
            return false;
    return len <= 5;
}

/* "[2001:db8::1]:80" keeps the brackets and loses the port. */
static size_t ipv6_length(Text authority)
{
    const char *end = memchr(authority.base, ']', authority.len);

    if (end == NULL)
        return 0;
    size_t len = (size_t)(end - authority.base) + 1;
    for (size_t i = 1; i + 1 < len; i++)
        if (!isxdigit((unsigned char)authority.base[i]) && authority.base[i] != ':' &&
            authority.base[i] != '.')
            return 0;
    if (len < authority.len && (authority.base[len] != ':' ||
                                !port_is_sound(authority.base + len + 1, authority.len - len - 1)))
        return 0;
    return len;
}

static size_t name_length(Text authority)
{
    const char *colon = memchr(authority.base, ':', authority.len);
    size_t len = colon != NULL ? (size_t)(colon - authority.base) : authority.len;

    if (colon != NULL && !port_is_sound(colon + 1, authority.len - len - 1))
        return 0;
    for (size_t i = 0; i < len; i++)
        if (!is_host_char(authority.base[i]))
            return 0;
    if (len > 1 && authority.base[len - 1] == '.')
        len--;
    return len;
}

bool host_normalize(Text authority, char ret[static HOST_MAX])
{
    size_t len = 0;

    if (authority.len > 0)
        len = authority.base[0] == '[' ? ipv6_length(authority) : name_length(authority);
    if (len == 0 || len >= HOST_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        ret[i] = (char)tolower((unsigned char)authority.base[i]);
    ret[len] = '\0';
    return true;
}

/* ---- requests
 * ------------------------------------------------------------------------------------------ */

static void read_method(RequestHead *head)
{
    static const struct {
        const char *word;
        size_t len;
    } repeatable[] = { { LIT("GET") },     { LIT("HEAD") },   { LIT("PUT") },
                       { LIT("OPTIONS") }, { LIT("DELETE") }, { LIT("TRACE") } };

    head->is_head = text_is(head->method, LIT("HEAD"));
    for (size_t i = 0; i < ARRAY_LEN(repeatable); i++)
        head->is_safe_to_repeat |= text_is(head->method, repeatable[i].word, repeatable[i].len);
}

/* "http://host/path" becomes "/path", and its host is the one that counts. */
static int read_target(RequestHead *head)
{
    if (text_is(head->method, LIT("CONNECT")))
        return -501;
    if (head->target.base[0] == '/')
        return 0;
    if (text_is(head->target, LIT("*")))
        return text_is(head->method, LIT("OPTIONS")) ? 0 : -400;
    if (head->target.len < 8 || strncasecmp(head->target.base, "http://", 7) != 0)
        return -400;
    Text rest = { head->target.base + 7, head->target.len - 7 };
    size_t len = 0;
    while (len < rest.len && rest.base[len] != '/' && rest.base[len] != '?')
        len++;
    head->authority = (Text){ rest.base, len };
    head->target = (Text){ rest.base + len, rest.len - len };
    if (head->target.len == 0)
        head->target = (Text){ LIT("/") };
    return head->target.base[0] == '/' ? 0 : -400;
}

static int settle_request_body(RequestHead *head, const Framing *framing)
{
    if (framing->has_coding && (framing->has_length || head->minor == 0))
        return -400;
    if (framing->has_coding && !framing->chunked)
        return -501;
    if (framing->has_coding)
        head->body = BODY_CHUNKED;
    else if (framing->has_length && framing->length > 0)
        head->body = BODY_LENGTH;
    head->length = framing->length;
    return 0;
}

static int read_request_members(RequestHead *head, Framing *framing, Connection *connection)
{
    bool absolute = head->authority.base != NULL;
    bool has_host = false;

    for (size_t i = 0; i < head->count; i++) {
        const struct phr_header *member = &head->members[i];
        if (member->name == NULL)
            return -400; /* a folded line: long obsolete, and read differently by everyone */
        Text value = member_value(member);
        Member kind = member_of(member);
        switch (kind) {
        case M_HOST:
            if (has_host)
                return -400;
            has_host = true;
            if (!absolute)
                head->authority = value;
            break;
        case M_LENGTH:
        case M_CODING:
            if (!framing_read(kind, value, framing))
                return -400;
            break;
        case M_CONNECTION:
            if (head->connection.base == NULL)
                head->connection = value;
            else if (connection->names_others)
                return -400; /* two lists of what to drop: nobody sends that in good faith */
            connection_read(value, connection);
            break;
        case M_UPGRADE:
            head->upgrade = value;
            break;
        case M_ACCEPT:
            head->wants_html |= memmem(value.base, value.len, LIT("text/html")) != NULL;
            break;
        case M_HOP:
            head->hop = value;
            break;
        case M_FORWARDED_FOR:
            head->forwarded_for = value;
            break;
        case M_FORWARDED_HOST:
            head->forwarded_host = value;
            break;
        case M_FORWARDED_PROTO:
            head->forwarded_proto = value;
            break;
        case M_DROPPED:
        case M_OTHER:
            break;
        }
    }
    return has_host || absolute || head->minor == 0 ? 0 : -400;
}

int request_head_parse(const char *data, size_t len, size_t seen, RequestHead *ret)
{
    Framing framing = { 0 };
    Connection connection = { 0 };
    size_t skip = 0;

    while (skip < len && skip < 4 && (data[skip] == '\r' || data[skip] == '\n'))
        skip++; /* some clients end a body with a line too many */
    memset(ret, 0, offsetof(RequestHead, members));
    ret->count = HEAD_MEMBERS_MAX;
    int rc = phr_parse_request(data + skip, len - skip, &ret->method.base, &ret->method.len,
                               &ret->target.base, &ret->target.len, &ret->minor, ret->members,
                               &ret->count, seen > skip ? seen - skip : 0);
    if (rc == -2)
        return len >= HEAD_MAX ? -431 : 0;
    if (rc < 0)
        return ret->count == HEAD_MEMBERS_MAX ? -431 : -400;
    if ((size_t)rc + skip > HEAD_MAX)
        return -431;
    if (ret->minor > 1 || ret->target.len == 0 || ret->method.len > 32)
        return -400;
    int refused = read_target(ret);
    if (refused == 0)
        refused = read_request_members(ret, &framing, &connection);
    if (refused == 0)
        refused = settle_request_body(ret, &framing);
    if (refused != 0)
        return refused;
    if (ret->authority.base != NULL && !host_normalize(ret->authority, ret->host))
        return -400;
    read_method(ret);
    ret->keep_alive = !connection.close && (ret->minor == 1 || connection.keep_alive);
    if (!connection.upgrade || ret->minor == 0)
        ret->upgrade.len = 0;
    if (!connection.names_others)
        ret->connection.base = NULL;
    return rc + (int)skip;
}

/* ---- writing
 * ------------------------------------------------------------------------------------------- */

static void add_forwarding(Buf *out, const Forwarding *forwarding)
{
    buf_add(out, LIT("x-forwarded-for: "));
    head_add(out, forwarding->client);
    buf_add(out, LIT("\r\nx-forwarded-host: "));
    head_add(out, forwarding->host);
    buf_add(out, LIT("\r\nx-forwarded-proto: "));
    head_add(out, forwarding->proto);
    buf_add(out, LIT("\r\n"));
    if (forwarding->hop_key != NULL)
        buf_printf(out, HOP_HEADER ": %s\r\n", forwarding->hop_key);
}

/* A method that has a body by its nature says so even when it has none. */
static bool says_length(const RequestHead *head)
{
    return text_is(head->method, LIT("POST")) || text_is(head->method, LIT("PUT")) ||
           text_is(head->method, LIT("PATCH"));
}

void request_head_write(const RequestHead *head, const Forwarding *forwarding, Buf *out)
{
    head_add(out, head->method);
    buf_add(out, LIT(" "));
    head_add(out, head->target);
    buf_add(out, LIT(" HTTP/1.1\r\nhost: "));
    head_add(out, head->authority);
    buf_add(out, LIT("\r\n"));
    for (size_t i = 0; i < head->count; i++) {
        Member kind = member_of(&head->members[i]);
        if (kind == M_ACCEPT ||
            (kind == M_OTHER && !connection_names(head->connection, &head->members[i])))
            head_add_member(out, &head->members[i]);
    }
    if (head->body == BODY_NONE && says_length(head))
        buf_add(out, LIT("content-length: 0\r\n"));
    head_add_framing(out, head->body, head->length);
    if (head->upgrade.len > 0) {
        buf_add(out, LIT("connection: upgrade\r\nupgrade: "));
        head_add(out, head->upgrade);
        buf_add(out, LIT("\r\n"));
    }
    add_forwarding(out, forwarding);
    buf_add(out, LIT("\r\n"));
}
