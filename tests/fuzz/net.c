/* net: the network between the proxy and its servers. See net.h. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "memd.h"

#define FDS_MAX 4096
/* Local ports of connections count from here. */
#define PORT_FROM 40000

/* By the proxy's descriptor. */
static struct wire {
	int peer;      /* not handed to a server; -1: handed over, or none */
	uint16_t port; /* its local port */
	int error;     /* what SO_ERROR says */
} wires[FDS_MAX];
static uint16_t next_port = PORT_FROM;

/* In place of the system's; see tests/fuzz.mk. */
int fuzz_socket(int domain, int type, int protocol);
int fuzz_bind(int fd, const struct sockaddr *sa, socklen_t len);
int fuzz_connect(int fd, const struct sockaddr *sa, socklen_t len);
int fuzz_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int fuzz_getsockname(int fd, struct sockaddr *sa, socklen_t *len);

int
bytes_read(struct bytes *b, int fd)
{
	char some[65536];
	ssize_t n;

	while ((n = read(fd, some, sizeof(some))) > 0)
		bytes_add(b, some, (size_t)n);
	return n == -1 && errno == EAGAIN;
}

int
bytes_write(struct bytes *b, int fd, size_t n)
{
	ssize_t done;

	if (b->len == 0 || n == 0)
		return 0;
	done = send(fd, b->p, b->len < n ? b->len : n, MSG_NOSIGNAL);
	if (done == -1)
		return errno == EAGAIN ? 0 : -1;
	bytes_take(b, (size_t)done);
	return 0;
}

static void
wire_drop(struct wire *w)
{
	if (w->peer > 0)
		close(w->peer);
	w->peer = -1;
	w->error = 0;
}

void
net_reset(void)
{
	for (int i = 0; i < FDS_MAX; i++)
		wire_drop(&wires[i]);
	next_port = PORT_FROM;
}

void
net_pair(int *ours, int *proxys)
{
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	MUST(pair[0] < FDS_MAX && pair[1] < FDS_MAX);
	/* Whoever had the descriptor has closed it: the other end goes too. */
	wire_drop(&wires[pair[0]]);
	wire_drop(&wires[pair[1]]);
	*ours = pair[0];
	*proxys = pair[1];
}

int
fuzz_socket(int domain, int type, int protocol)
{
	int ours, fd;

	(void)domain;
	(void)type;
	(void)protocol;
	net_pair(&ours, &fd);
	wires[fd].peer = ours;
	wires[fd].port = next_port++;
	return fd;
}

int
fuzz_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_in in;

	MUST(len == sizeof(in));
	memcpy(&in, sa, sizeof(in));
	wires[fd].port = ntohs(in.sin_port);
	return 0;
}

/* Nothing can be written to fd: it seems to be connecting. */
static void
wire_fill(int fd)
{
	char some[65536];

	memset(some, 0, sizeof(some));
	while (send(fd, some, sizeof(some), MSG_NOSIGNAL) > 0)
		;
}

int
fuzz_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_in in;
	struct wire *w = &wires[fd];

	MUST(len == sizeof(in));
	memcpy(&in, sa, sizeof(in));
	switch (memd_connect(ntohs(in.sin_port), w->peer, w->port)) {
	case MEMD_TAKES:
		w->peer = -1;
		break;
	case MEMD_REFUSES:
		wire_drop(w);
		errno = ECONNREFUSED;
		return -1;
	case MEMD_REFUSES_LATE:
		w->error = ECONNREFUSED;
		break;
	case MEMD_SILENT:
		wire_fill(fd);
		break;
	}
	errno = EINPROGRESS;
	return -1;
}

int
fuzz_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	(void)level;
	(void)name;
	MUST(*len == sizeof(int));
	memcpy(value, &wires[fd].error, sizeof(int));
	return 0;
}

int
fuzz_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_in in;

	memset(&in, 0, sizeof(in));
	in.sin_family = AF_INET;
	in.sin_port = htons(wires[fd].port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(*len >= sizeof(in));
	memcpy(sa, &in, sizeof(in));
	*len = sizeof(in);
	return 0;
}
