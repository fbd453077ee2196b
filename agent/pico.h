/* The HTTP/1 parser that libh2o carries (picohttpparser) and exports, but has no installed header
 * for. These are its declarations; the types are part of libh2o's binary interface. */
#ifndef AGENT_PICO_H
#define AGENT_PICO_H

#include <stddef.h>
#include <sys/types.h>

struct phr_header {
    const char *name; /* NULL: the line continues the one before (obsolete folding) */
    size_t name_len;
    const char *value;
    size_t value_len;
};

struct phr_chunked_decoder { /* zeroed before the first use */
    size_t bytes_left_in_chunk;
    char consume_trailer;
    char _hex_count;
    char _state;
};

/* Bytes of the head, -1 when it is malformed or has more headers than there is room for, -2 when it
 * is not whole yet; last_len is how much of it was looked at before, 0 the first time. */
int phr_parse_request(const char *buf, size_t len, const char **method, size_t *method_len,
                      const char **path, size_t *path_len, int *minor_version,
                      struct phr_header *headers, size_t *num_headers, size_t last_len);
int phr_parse_response(const char *buf, size_t len, int *minor_version, int *status,
                       const char **msg, size_t *msg_len, struct phr_header *headers,
                       size_t *num_headers, size_t last_len);

/* Takes the chunk framing out in place; *bufsz becomes the length of the data. Gives how many bytes
 * that belong to what follows stand behind the data, -1 when malformed, -2 when more is to come. */
ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz);

#endif
