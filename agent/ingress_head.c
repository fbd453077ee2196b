#include "ingress_head.h"

#include "cara/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LIT(word) (word), (sizeof(word) - 1)

typedef enum Member {
    M_OTHER,
    M_DROPPED, /* goes no further: about one connection, or a claim we do not take */
    M_HOST,
    M_LENGTH,
    M_CODING,
    M_CONNECTION,
    M_UPGRADE,
    M_ACCEPT,
    M_HOP,
    M_FORWARDED_FOR,
    M_FORWARDED_HOST,
    M_FORWARDED_PROTO,
} Member;

/* ---- members
 * ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t len;
    Member member;
} known[] = {
    { LIT("host"), M_HOST },
    { LIT("content-length"), M_LENGTH },
    { LIT("transfer-encoding"), M_CODING },
    { LIT("connection"), M_CONNECTION },
    { LIT("upgrade"), M_UPGRADE },
    { LIT("accept"), M_ACCEPT },
    { LIT(HOP_HEADER), M_HOP },
    { LIT("x-forwarded-for"), M_FORWARDED_FOR },
    { LIT("x-forwarded-host"), M_FORWARDED_HOST },
    { LIT("x-forwarded-proto"), M_FORWARDED_PROTO },
    { LIT("forwarded"), M_DROPPED },
    { LIT("x-real-ip"), M_DROPPED },
    { LIT("keep-alive"), M_DROPPED },
    { LIT("proxy-connection"), M_DROPPED },
    { LIT("proxy-authenticate"), M_DROPPED },
    { LIT("proxy-authorization"), M_DROPPED },
    { LIT("te"), M_DROPPED },
    { LIT("trailer"), M_DROPPED },
    { LIT("http2-settings"), M_DROPPED },
};

/* Case does not matter, and '_' is as good as '-': some servers behind us make no difference. */
static bool is_called(const struct phr_header *member, const char *name, size_t len)
{
    if (member->name_len != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = member->name[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c == '_' ? '-' : c;
        if (c != name[i])
            return false;
    }
    return true;
}

static Member member_of(const struct phr_header *member)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].len == member->name_len && is_called(member, known[i].name, known[i].len))
            return memchr(member->name, '_', member->name_len) == NULL ? known[i].member
                                                                       : M_DROPPED;
    if (member->name_len > 12 && (member->name[0] | 0x20) == 'x' &&
        is_called(&(struct phr_header){ .name = member->name, .name_len = 12 },
                  LIT("x-forwarded-")))
        return M_DROPPED;
    return M_OTHER;
}

static Text trimmed(const struct phr_header *member)
{
    Text text = { member->value, member->value_len };

    while (text.len > 0 && (text.base[text.len - 1] == ' ' || text.base[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Takes the first item off a list with commas. False at its end. */
static bool next_item(Text *list, Text *ret)
{
    const char *comma;

    while (list->len > 0 && (*list->base == ' ' || *list->base == '\t' || *list->base == ','))
        list->base++, list->len--;
    if (list->len == 0)
        return false;
    comma = memchr(list->base, ',', list->len);
    *ret = (Text){ list->base, comma != NULL ? (size_t)(comma - list->base) : list->len };
    list->base += ret->len;
    list->len -= ret->len;
    while (ret->len > 0 && (ret->base[ret->len - 1] == ' ' || ret->base[ret->len - 1] == '\t'))
        ret->len--;
    return true;
}

static bool same_word(Text text, const char *word, size_t len)
{
    return text.len == len && strncasecmp(text.base, word, len) == 0;
}

static bool has_item(Text list, const char *word, size_t len)
{
    Text item;

    while (next_item(&list, &item))
        if (same_word(item, word, len))
            return true;
    return false;
}

/* What a Connection member says. One that stands in the head twice names twice. */
typedef struct Connection {
    bool close;
    bool keep_alive;
    bool upgrade;
    bool names_others; /* members that are then about this connection only */
} Connection;

static void read_connection(Text value, Connection *out)
{
    Text item;

    while (next_item(&value, &item)) {
        if (same_word(item, LIT("close")))
            out->close = true;
        else if (same_word(item, LIT("keep-alive")))
            out->keep_alive = true;
        else if (same_word(item, LIT("upgrade")))
            out->upgrade = true;
        else
            out->names_others = true;
    }
}

static bool is_named(Text connection, const struct phr_header *member)
{
    return connection.base != NULL && has_item(connection, member->name, member->name_len);
}

/* Digits only: no sign, no blanks, no list. */
static bool read_length(Text value, uint64_t *ret)
{
    uint64_t length = 0;

    if (value.len == 0 || value.len > 18)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.base[i] < '0' || value.base[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(value.base[i] - '0');
    }
    *ret = length;
    return true;
}

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

typedef struct Framing {
    bool has_length, has_coding, chunked;
    uint64_t length;
} Framing;

/* Several lengths that agree are one; any other doubt is refused. */
static bool read_framing(Member member, Text value, Framing *out)
{
    uint64_t length = 0;

    if (member == M_CODING) {
        if (out->has_coding)
            return false;
        out->has_coding = true;
        out->chunked = same_word(value, LIT("chunked"));
        return true;
    }
    if (!read_length(value, &length) || (out->has_length && out->length != length))
        return false;
    out->has_length = true;
    out->length = length;
    return true;
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
        Text value = trimmed(member);
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
            if (!read_framing(kind, value, framing))
                return -400;
            break;
        case M_CONNECTION:
            if (head->connection.base == NULL)
                head->connection = value;
            else if (connection->names_others)
                return -400; /* two lists of what to drop: nobody sends that in good faith */
            read_connection(value, connection);
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

/* ---- responses
 * ----------------------------------------------------------------------------------------- */

static int settle_response_body(ResponseHead *head, const Framing *framing, bool to_head)
{
    head->length = framing->length;
    if (to_head || head->status < 200 || head->status == 204 || head->status == 304)
        head->body = BODY_NONE;
    else if (framing->has_coding && !framing->chunked)
        return -502;
    else if (framing->has_coding)
        head->body = BODY_CHUNKED;
    else if (framing->has_length)
        head->body = framing->length > 0 ? BODY_LENGTH : BODY_NONE;
    else
        head->body = BODY_UNTIL_CLOSE;
    return 0;
}

int response_head_parse(const char *data, size_t len, size_t seen, bool to_head, ResponseHead *ret)
{
    Framing framing = { 0 };
    Connection connection = { 0 };

    memset(ret, 0, offsetof(ResponseHead, members));
    ret->count = HEAD_MEMBERS_MAX;
    int rc = phr_parse_response(data, len, &ret->minor, &ret->status, &ret->reason.base,
                                &ret->reason.len, ret->members, &ret->count, seen);
    if (rc == -2)
        return len >= HEAD_MAX ? -502 : 0;
    if (rc < 0 || ret->status < 100)
        return -502;
    for (size_t i = 0; i < ret->count; i++) {
        const struct phr_header *member = &ret->members[i];
        Member kind = member->name != NULL ? member_of(member) : M_OTHER;
        Text value = trimmed(member);
        if (member->name == NULL)
            return -502;
        if ((kind == M_LENGTH || kind == M_CODING) && !read_framing(kind, value, &framing))
            return -502;
        if (kind == M_CONNECTION) {
            ret->connection = value;
            read_connection(value, &connection);
        } else if (kind == M_UPGRADE) {
            ret->upgrade = value;
        } else if (kind == M_HOP) {
            ret->hop = value;
        }
    }
    if (settle_response_body(ret, &framing, to_head) < 0)
        return -502;
    ret->keep_alive = !connection.close && (ret->minor >= 1 || connection.keep_alive) &&
                      ret->body != BODY_UNTIL_CLOSE;
    if (!connection.names_others)
        ret->connection.base = NULL;
    return rc;
}

/* ---- writing
 * ------------------------------------------------------------------------------------------- */

static void add(Buf *out, Text text)
{
    buf_add(out, text.base, text.len);
}

static void add_member(Buf *out, const struct phr_header *member)
{
    buf_add(out, member->name, member->name_len);
    buf_add(out, LIT(": "));
    buf_add(out, member->value, member->value_len);
    buf_add(out, LIT("\r\n"));
}

static void add_framing(Buf *out, BodyKind body, uint64_t length)
{
    if (body == BODY_CHUNKED)
        buf_add(out, LIT("transfer-encoding: chunked\r\n"));
    else if (body == BODY_LENGTH)
        buf_printf(out, "content-length: %llu\r\n", (unsigned long long)length);
}

static void add_forwarding(Buf *out, const Forwarding *forwarding)
{
    buf_add(out, LIT("x-forwarded-for: "));
    add(out, forwarding->client);
    buf_add(out, LIT("\r\nx-forwarded-host: "));
    add(out, forwarding->host);
    buf_add(out, LIT("\r\nx-forwarded-proto: "));
    add(out, forwarding->proto);
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
    add(out, head->method);
    buf_add(out, LIT(" "));
    add(out, head->target);
    buf_add(out, LIT(" HTTP/1.1\r\nhost: "));
    add(out, head->authority);
    buf_add(out, LIT("\r\n"));
    for (size_t i = 0; i < head->count; i++) {
        Member kind = member_of(&head->members[i]);
        if (kind == M_ACCEPT || (kind == M_OTHER && !is_named(head->connection, &head->members[i])))
            add_member(out, &head->members[i]);
    }
    if (head->body == BODY_NONE && says_length(head))
        buf_add(out, LIT("content-length: 0\r\n"));
    add_framing(out, head->body, head->length);
    if (head->upgrade.len > 0) {
        buf_add(out, LIT("connection: upgrade\r\nupgrade: "));
        add(out, head->upgrade);
        buf_add(out, LIT("\r\n"));
    }
    add_forwarding(out, forwarding);
    buf_add(out, LIT("\r\n"));
}

/* A length that describes a body which is not sent: of HEAD, or of 304. */
static bool keeps_length(const ResponseHead *head, const ResponseStyle *style)
{
    return style->body == BODY_NONE && head->status >= 200 && head->status != 204;
}

void response_head_write(const ResponseHead *head, const ResponseStyle *style, Buf *out)
{
    bool switches = head->status == 101;

    buf_printf(out, "HTTP/1.1 %03d ", head->status);
    add(out, head->reason);
    buf_add(out, LIT("\r\n"));
    for (size_t i = 0; i < head->count; i++) {
        Member kind = member_of(&head->members[i]);
        if ((kind == M_LENGTH && keeps_length(head, style)) || kind == M_ACCEPT || kind == M_HOST ||
            (kind == M_OTHER && !is_named(head->connection, &head->members[i])))
            add_member(out, &head->members[i]);
    }
    add_framing(out, style->body, head->length);
    if (style->hop != NULL)
        buf_printf(out, HOP_HEADER ": %s\r\n", style->hop);
    if (switches) {
        buf_add(out, LIT("connection: upgrade\r\nupgrade: "));
        add(out, head->upgrade);
        buf_add(out, LIT("\r\n"));
    } else if (head->status >= 200 && !style->keep_alive) {
        buf_add(out, LIT("connection: close\r\n"));
    } else if (head->status >= 200 && style->minor == 0) {
        buf_add(out, LIT("connection: keep-alive\r\n"));
    }
    buf_add(out, LIT("\r\n"));
}
