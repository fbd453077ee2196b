/* Heads of answers. */
#include "ingress_members.h"

#include <string.h>

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
        Text value = member_value(member);
        if (member->name == NULL)
            return -502;
        if ((kind == M_LENGTH || kind == M_CODING) && !framing_read(kind, value, &framing))
            return -502;
        if (kind == M_CONNECTION) {
            ret->connection = value;
            connection_read(value, &connection);
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

/* A length that describes a body which is not sent: of HEAD, or of 304. */
static bool keeps_length(const ResponseHead *head, const ResponseStyle *style)
{
    return style->body == BODY_NONE && head->status >= 200 && head->status != 204;
}

void response_head_write(const ResponseHead *head, const ResponseStyle *style, Buf *out)
{
    bool switches = head->status == 101;

    buf_printf(out, "HTTP/1.1 %03d ", head->status);
    head_add(out, head->reason);
    buf_add(out, LIT("\r\n"));
    for (size_t i = 0; i < head->count; i++) {
        Member kind = member_of(&head->members[i]);
        if ((kind == M_LENGTH && keeps_length(head, style)) || kind == M_ACCEPT || kind == M_HOST ||
            (kind == M_OTHER && !connection_names(head->connection, &head->members[i])))
            head_add_member(out, &head->members[i]);
    }
    head_add_framing(out, style->body, head->length);
    if (style->hop != NULL)
        buf_printf(out, HOP_HEADER ": %s\r\n", style->hop);
    if (switches) {
        buf_add(out, LIT("connection: upgrade\r\nupgrade: "));
        head_add(out, head->upgrade);
        buf_add(out, LIT("\r\n"));
    } else if (head->status >= 200 && !style->keep_alive) {
        buf_add(out, LIT("connection: close\r\n"));
    } else if (head->status >= 200 && style->minor == 0) {
        buf_add(out, LIT("connection: keep-alive\r\n"));
    }
    buf_add(out, LIT("\r\n"));
}
