/* listener: the sockets that clients connect to, and accepting them. */
#ifndef MEMVIP_LISTENER_H
#define MEMVIP_LISTENER_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"

/*
 * Opens what conf names: TCP on listen:port (also while the address is not there yet: ip(7),
 * IP_FREEBIND; without listen on every IPv4 and IPv6 address), and the unix socket. From then on
 * the kernel takes connections. Returns 0; with one line in why (size bytes) -1 when it cannot be
 * done now, -2 when conf asks for what makes no sense.
 */
int listener_open(const struct conf *conf, char *why, size_t size);

/* Clients at most: of further ones each is told so and closed. May change at any time. */
void listener_limit(uint64_t clients);

/* Starts to accept; accept is called with each new descriptor. */
void listener_start(struct event_base *base, void (*accept)(int fd));

/* Closes the sockets at once: the port is free from here on. Removes the unix socket's path. */
void listener_close(void);

/* What is listened on, for a line of the log. */
const char *listener_text(void);

#endif
