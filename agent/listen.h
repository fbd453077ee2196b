/* A listening TCP socket. */
#ifndef AGENT_LISTEN_H
#define AGENT_LISTEN_H

/* Binds a numeric IPv4 or IPv6 address and listens, non-blocking. Returns the descriptor, the
 * caller's to close, or -1 with errno. */
int listen_open(const char *host, int port);

#endif
