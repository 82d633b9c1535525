/* addr: the addresses that an administrator writes. See addr.h. */
#include "addr.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "num.h"

static void
addr_text(struct addr *a)
{
	char ip[INET6_ADDRSTRLEN];

	switch (a->u.sa.sa_family) {
	case AF_INET:
		addr_ip(a, ip, sizeof(ip));
		snprintf(a->text, sizeof(a->text), "%s:%u", ip, addr_port(a));
		break;
	case AF_INET6:
		addr_ip(a, ip, sizeof(ip));
		snprintf(a->text, sizeof(a->text), "[%s]:%u", ip, addr_port(a));
		break;
	case AF_UNIX:
		snprintf(a->text, sizeof(a->text), "%s",
			 a->u.un.sun_path[0] != '\0' ? a->u.un.sun_path : "(unix)");
		break;
	default:
		snprintf(a->text, sizeof(a->text), "(family %d)", a->u.sa.sa_family);
	}
}

static int
addr_numeric(struct addr *out, const char *host)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, host, &out->u.in.sin_addr) == 1) {
		out->u.in.sin_family = AF_INET;
		out->len = sizeof(out->u.in);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &out->u.in6.sin6_addr) == 1) {
		out->u.in6.sin6_family = AF_INET6;
		out->len = sizeof(out->u.in6);
		return 0;
	}
	return -1;
}

static int
addr_lookup(struct addr *out, const char *host, const char **why)
{
	struct addrinfo hints, *ai;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	if (getaddrinfo(host, NULL, &hints, &ai) != 0) {
		*why = "host name not found";
		return -1;
	}
	memset(out, 0, sizeof(*out));
	if (ai->ai_addrlen > sizeof(out->u)) {
		freeaddrinfo(ai);
		*why = "address family not supported";
		return -1;
	}
	memcpy(&out->u, ai->ai_addr, ai->ai_addrlen);
	out->len = ai->ai_addrlen;
	freeaddrinfo(ai);
	return 0;
}

/*
 * HOST[:PORT], [v6][:PORT] or a bare IPv6 address, taken apart: host without brackets, port pointing
 * into text (NULL: none). Returns 0, or -1 with *why set.
 */
static int
addr_split(const char *text, char host[ADDR_HOST_MAX], const char **port, const char **why)
{
	const char *host_at = text, *colon;
	size_t len;

	*port = NULL;
	if (*text == '[') { /* RFC 3986 section 3.2.2: an IPv6 literal with a port is bracketed */
		const char *close = strchr(text, ']');
		if (close == NULL) {
			*why = "'[' without ']'";
			return -1;
		}
		host_at = text + 1;
		len = (size_t)(close - host_at);
		if (close[1] == ':') {
			*port = close + 2;
		} else if (close[1] != '\0') {
			*why = "text after ']'";
			return -1;
		}
	} else if ((colon = strchr(text, ':')) != NULL && strchr(colon + 1, ':') == NULL) {
		len = (size_t)(colon - text);
		*port = colon + 1;
	} else {
		len = strlen(text); /* a name, or a bare IPv6 address with its many colons */
	}
	if (len == 0) {
		*why = "empty host";
		return -1;
	}
	if (len >= ADDR_HOST_MAX) {
		*why = "host too long";
		return -1;
	}
	memcpy(host, host_at, len);
	host[len] = '\0';
	return 0;
}

/* addr_parse() that also says what the host is called in text. */
static int
addr_read(struct addr *out, char host[ADDR_HOST_MAX], const char *text, uint16_t port,
	  enum addr_how how, const char **why)
{
	const char *port_at;
	int numeric;

	if (addr_split(text, host, &port_at, why) == -1)
		return -1;
	if (port_at != NULL) {
		uint64_t v;
		if (num_parse(port_at, 1, 65535, &v, why) == -1) {
			*why = "port is not 1 to 65535";
			return -1;
		}
		port = (uint16_t)v;
	}
	numeric = addr_numeric(out, host) == 0;
	if (*text == '[' && (!numeric || out->u.sa.sa_family != AF_INET6)) {
		*why = "not an IPv6 address";
		return -1;
	}
	if (!numeric) {
		if (how == ADDR_NUMERIC) {
			*why = "not an IP address";
			return -1;
		}
		/* A name has no colon; behind '%' an interface is named. */
		if (strchr(host, ':') != NULL && strchr(host, '%') == NULL) {
			*why = "neither HOST:PORT nor an IPv6 address";
			return -1;
		}
		if (how == ADDR_SYNTAX)
			return 0;
		if (addr_lookup(out, host, why) == -1)
			return -1;
	}
	addr_set_port(out, port);
	return 0;
}

int
addr_parse(struct addr *out, const char *text, uint16_t port, enum addr_how how, const char **why)
{
	char host[ADDR_HOST_MAX];

	return addr_read(out, host, text, port, how, why);
}

int
addr_parse_local(struct addr *out, const char *text, const char **why)
{
	const char *port = text + (text[0] == ':');
	uint64_t v;

	if (port[strspn(port, "0123456789")] == '\0') {
		if (num_parse(port, 1, 65535, &v, why) == -1) {
			*why = "port is not 1 to 65535";
			return -1;
		}
		return addr_parse(out, "127.0.0.1", (uint16_t)v, ADDR_NUMERIC, why);
	}
	if (addr_parse(out, text, 0, ADDR_NUMERIC, why) == -1)
		return -1;
	if (addr_port(out) == 0) {
		*why = "no port is given";
		return -1;
	}
	return 0;
}

/* Where in HOST:PORT:WEIGHT or [v6]:PORT:WEIGHT the last colon is; NULL: there is no weight. */
static const char *
addr_weight(const char *text)
{
	const char *close = *text == '[' ? strchr(text, ']') : NULL;
	const char *first = strchr(close != NULL ? close : text, ':');
	const char *second = first != NULL ? strchr(first + 1, ':') : NULL;

	if (second == NULL)
		return NULL;
	/* The shortest bare IPv6 address has "::", the others more than two colons. */
	if (close == NULL && (second == first + 1 || strchr(second + 1, ':') != NULL))
		return NULL;
	return second;
}

int
addr_parse_server(struct addr_server *out, const char *text, uint16_t port, enum addr_how how,
		  const char **why)
{
	char place[ADDR_HOST_MAX + sizeof("[]:65535")];
	const char *colon = addr_weight(text);

	memset(out, 0, sizeof(*out));
	if (colon != NULL) {
		uint64_t weight;
		size_t len = (size_t)(colon - text);

		if (num_parse(colon + 1, 1, UINT32_MAX, &weight, why) == -1) {
			*why = "weight is not 1 to 4294967295";
			return -1;
		}
		if (len >= sizeof(place)) {
			*why = "host too long";
			return -1;
		}
		memcpy(place, text, len);
		place[len] = '\0';
		out->weight = (uint32_t)weight;
		text = place;
	}
	return addr_read(&out->addr, out->host, text, port, how, why);
}

int
addr_unix(struct addr *out, const char *path, const char **why)
{
	size_t n = strlen(path);

	memset(out, 0, sizeof(*out));
	if (n == 0) {
		*why = "empty path";
		return -1;
	}
	if (n >= sizeof(out->u.un.sun_path)) {
		*why = "path too long for a unix socket";
		return -1;
	}
	out->u.un.sun_family = AF_UNIX;
	memcpy(out->u.un.sun_path, path, n + 1);
	out->len = (socklen_t)sizeof(out->u.un);
	addr_text(out);
	return 0;
}

uint16_t
addr_port(const struct addr *a)
{
	switch (a->u.sa.sa_family) {
	case AF_INET:
		return ntohs(a->u.in.sin_port);
	case AF_INET6:
		return ntohs(a->u.in6.sin6_port);
	default:
		return 0;
	}
}

void
addr_set_port(struct addr *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET)
		a->u.in.sin_port = htons(port);
	else if (a->u.sa.sa_family == AF_INET6)
		a->u.in6.sin6_port = htons(port);
	addr_text(a);
}

void
addr_ip(const struct addr *a, char *buf, size_t size)
{
	const void *ip = NULL;

	if (size == 0)
		return;
	buf[0] = '\0';
	if (a->u.sa.sa_family == AF_INET)
		ip = &a->u.in.sin_addr;
	else if (a->u.sa.sa_family == AF_INET6)
		ip = &a->u.in6.sin6_addr;
	if (ip != NULL && inet_ntop(a->u.sa.sa_family, ip, buf, (socklen_t)size) == NULL)
		buf[0] = '\0';
}

int
addr_equal(const struct addr *a, const struct addr *b)
{
	if (a->u.sa.sa_family != b->u.sa.sa_family)
		return 0;
	switch (a->u.sa.sa_family) {
	case AF_INET:
		return a->u.in.sin_port == b->u.in.sin_port &&
		       a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
	case AF_INET6:
		return a->u.in6.sin6_port == b->u.in6.sin6_port &&
		       a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id &&
		       memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, 16) == 0;
	case AF_UNIX:
		return strcmp(a->u.un.sun_path, b->u.un.sun_path) == 0;
	default:
		return 0;
	}
}

void
addr_from_sockaddr(struct addr *out, const struct sockaddr *sa, socklen_t len)
{
	memset(out, 0, sizeof(*out));
	if (len > (socklen_t)sizeof(out->u))
		len = (socklen_t)sizeof(out->u);
	memcpy(&out->u, sa, len);
	out->len = len;
	addr_text(out);
}

int
addr_of_socket(struct addr *out, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return -1;
	addr_from_sockaddr(out, (struct sockaddr *)&ss, len);
	return 0;
}
