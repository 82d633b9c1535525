/*
 * addr: the addresses that an administrator writes: HOST[:PORT[:WEIGHT]], [v6][:PORT[:WEIGHT]], a
 * bare IP, a unix socket path.
 */
#ifndef MEMVIP_ADDR_H
#define MEMVIP_ADDR_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* "[" v6 with scope "]:65535" or a unix path, with the NUL. */
#define ADDR_TEXT_MAX 120
#define ADDR_HOST_MAX 256 /* a host's name, with the NUL */

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} u;
	socklen_t len;
	char text[ADDR_TEXT_MAX]; /* canonical: "1.2.3.4:11211", "[::1]:11211", "/run/x.sock" */
};

enum addr_how {
	ADDR_NUMERIC, /* IP addresses only: never asks a resolver, never blocks */
	ADDR_RESOLVE, /* a host name may be looked up (getaddrinfo: may block); first answer taken */
	ADDR_SYNTAX   /* is it written right? A host name is not looked up and leaves no address */
};

/*
 * Parses HOST[:PORT], [v6][:PORT] or a bare IPv4/IPv6 address into *out. port: the port to use
 * when the text names none. Returns 0, or -1 with *why set to a constant text.
 */
int addr_parse(struct addr *out, const char *text, uint16_t port, enum addr_how how,
	       const char **why);

/* A memcached in a list of servers. */
struct addr_server {
	struct addr addr;
	char host[ADDR_HOST_MAX]; /* as it is written, without brackets */
	uint32_t weight;	  /* 0: none is given */
};

/* As addr_parse(), with an optional weight: HOST:PORT:WEIGHT, [v6]:PORT:WEIGHT. */
int addr_parse_server(struct addr_server *out, const char *text, uint16_t port, enum addr_how how,
		      const char **why);

/*
 * [HOST:]PORT or :PORT, where this host is to serve: HOST is an IP address, 127.0.0.1 when it is left
 * out. Returns as addr_parse() does.
 */
int addr_parse_local(struct addr *out, const char *text, const char **why);

/* A unix socket path. Returns 0, or -1 with *why set (empty, too long). */
int addr_unix(struct addr *out, const char *path, const char **why);

/* Port in host order; 0 for a unix socket. */
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port); /* also rewrites a->text */

/* The IP alone ("1.2.3.4", "::1"), no port, no brackets. Writes at most size bytes, NUL included. */
void addr_ip(const struct addr *a, char *buf, size_t size);

/* True when family, address and port are the same. */
int addr_equal(const struct addr *a, const struct addr *b);

/* Fills *out from a kernel's sockaddr (accept, getsockname). */
void addr_from_sockaddr(struct addr *out, const struct sockaddr *sa, socklen_t len);

/* The local address of a socket. Returns 0, or -1 with errno set. */
int addr_of_socket(struct addr *out, int fd);

#endif
