#include "ingress_members.h"

#include "cara/mem.h"

#include <string.h>
#include <strings.h>

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

Member member_of(const struct phr_header *member)
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

Text member_value(const struct phr_header *member)
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

bool member_says(Text text, const char *word, size_t len)
{
    return text.len == len && strncasecmp(text.base, word, len) == 0;
}

static bool has_item(Text list, const char *word, size_t len)
{
    Text item;

    while (next_item(&list, &item))
        if (member_says(item, word, len))
            return true;
    return false;
}

void connection_read(Text value, Connection *out)
{
    Text item;

    while (next_item(&value, &item)) {
        if (member_says(item, LIT("close")))
            out->close = true;
        else if (member_says(item, LIT("keep-alive")))
            out->keep_alive = true;
        else if (member_says(item, LIT("upgrade")))
            out->upgrade = true;
        else
            out->names_others = true;
    }
}

bool connection_names(Text connection, const struct phr_header *member)
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

bool framing_read(Member member, Text value, Framing *out)
{
    uint64_t length = 0;

    if (member == M_CODING) {
        if (out->has_coding)
            return false;
        out->has_coding = true;
        out->chunked = member_says(value, LIT("chunked"));
        return true;
    }
    if (!read_length(value, &length) || (out->has_length && out->length != length))
        return false;
    out->has_length = true;
    out->length = length;
    return true;
}

void head_add(Buf *out, Text text)
{
    buf_add(out, text.base, text.len);
}

void head_add_member(Buf *out, const struct phr_header *member)
{
    buf_add(out, member->name, member->name_len);
    buf_add(out, LIT(": "));
    buf_add(out, member->value, member->value_len);
    buf_add(out, LIT("\r\n"));
}

void head_add_framing(Buf *out, BodyKind body, uint64_t length)
{
    if (body == BODY_CHUNKED)
        buf_add(out, LIT("transfer-encoding: chunked\r\n"));
    else if (body == BODY_LENGTH)
        buf_printf(out, "content-length: %llu\r\n", (unsigned long long)length);
}
