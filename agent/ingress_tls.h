/* Certificates from a directory: HOST.crt with the chain, HOST.key with the key, PEM both;
 * "*.example.com" in a name stands for every name of one label more, and default.crt is for names
 * that have none. A thread looks when files change; a pair that cannot be used leaves the one
 * before it in its place. */
#ifndef AGENT_INGRESS_TLS_H
#define AGENT_INGRESS_TLS_H

#include "cara/err.h"

#include <openssl/ssl.h>
#include <stdbool.h>

typedef struct Certificates Certificates;

/* Reads the directory once. Fails only when it cannot be read at all; a pair that is no good is
 * logged. */
Certificates *certificates_new(const char *directory, Err *err);
int certificates_start(Certificates *certificates); /* the thread that follows changes */

/* For a connection that begins; the name it asks for chooses the certificate. HTTP/1.1 only. */
SSL *certificates_accept(Certificates *certificates);

/* Whether the host has one of its own. */
bool certificates_have(Certificates *certificates, const char *host);

#endif
