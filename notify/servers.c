/* servers: what the proxy says of its servers. See servers.h. */
#include "servers.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mono.h"
#include "num.h"

#define SERVERS_LINE_MAX   512
#define SERVERS_ANSWER_MAX (256 * 1024) /* bytes: far more than 128 servers have to say */

static struct server *
server_get(struct server *servers, unsigned *n, unsigned max, const char *name, size_t len)
{
	struct server *s;

	for (unsigned i = 0; i < *n; i++)
		if (strlen(servers[i].name) == len && memcmp(servers[i].name, name, len) == 0)
			return &servers[i];
	if (*n == max || len >= sizeof(s->name))
		return NULL;
	s = &servers[(*n)++];
	memset(s, 0, sizeof(*s));
	memcpy(s->name, name, len);
	return s;
}

int
servers_line(const char *line, struct server *servers, unsigned *n, unsigned max)
{
	static const char prefix[] = "STAT server.";
	const char *name, *value, *field, *why;
	struct server *s;

	if (strcmp(line, "END") == 0)
		return 0;
	if (strncmp(line, "STAT ", 5) != 0)
		return -1;
	if (strncmp(line, prefix, sizeof(prefix) - 1) != 0)
		return 1;
	/* "server.HOST:PORT.FIELD VALUE": the host may have dots of its own, the field has none. */
	name = line + sizeof(prefix) - 1;
	if ((value = strchr(name, ' ')) == NULL ||
	    (field = memrchr(name, '.', (size_t)(value - name))) == NULL)
		return 1;
	if ((s = server_get(servers, n, max, name, (size_t)(field - name))) == NULL)
		return 1;
	value++;
	if (strncmp(field, ".state ", 7) == 0)
		snprintf(s->state, sizeof(s->state), "%.15s", value);
	else if (strncmp(field, ".role ", 6) == 0)
		snprintf(s->role, sizeof(s->role), "%.15s", value);
	else if (strncmp(field, ".fill_done ", 11) == 0)
		(void)num_parse(value, 0, UINT64_MAX, &s->fill_done, &why);
	else if (strncmp(field, ".fill_total ", 12) == 0)
		(void)num_parse(value, 0, UINT64_MAX, &s->fill_total, &why);
	return 1;
}

static int
wait_for(int fd, short events, uint64_t deadline_ms)
{
	struct pollfd p = {fd, events, 0};
	uint64_t now = mono_ms();
	int rc = poll(&p, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0);

	if (rc == 0)
		errno = ETIMEDOUT;
	return rc == 1 ? 0 : -1;
}

/* Connects and asks. Returns a descriptor, or -1 with errno set. */
static int
ask(const struct addr *vip, uint64_t deadline_ms)
{
	static const char question[] = "stats servers\r\n";
	int fd = socket(vip->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = 0, saved;
	socklen_t len = sizeof(err);

	if (fd == -1)
		return -1;
	if ((connect(fd, &vip->u.sa, vip->len) == 0 ||
	     (errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline_ms) == 0)) &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0) {
		errno = err;
		if (err == 0 &&
		    send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) == sizeof(question) - 1)
			return fd;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
servers_ask(const struct addr *vip, struct server *servers, unsigned max, int timeout_ms, char *err,
	    size_t err_size)
{
	uint64_t deadline_ms = mono_ms() + (uint64_t)timeout_ms;
	char line[SERVERS_LINE_MAX];
	size_t len = 0, total = 0;
	unsigned n = 0;
	int fd = ask(vip, deadline_ms), rc = fd == -1 ? -1 : 1;

	while (rc == 1) {
		char *end;
		ssize_t got;

		if (wait_for(fd, POLLIN, deadline_ms) == -1) {
			rc = -1;
			break;
		}
		got = recv(fd, line + len, sizeof(line) - len, 0);
		if (got == -1 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got == 0)
			errno = ECONNRESET;
		if (got <= 0 || (total += (size_t)got) > SERVERS_ANSWER_MAX) {
			rc = -1;
			break;
		}
		len += (size_t)got;
		while (rc == 1 && (end = memchr(line, '\n', len)) != NULL) {
			size_t used = (size_t)(end - line) + 1;

			*end = '\0';
			if (end > line && end[-1] == '\r')
				end[-1] = '\0';
			rc = servers_line(line, servers, &n, max);
			len -= used;
			memmove(line, line + used, len);
		}
		if (len == sizeof(line))
			rc = -1;
		if (rc == -1)
			errno = EPROTO;
	}
	if (rc == -1)
		snprintf(err, err_size, "the proxy at %s: %s", vip->text, strerror(errno));
	if (fd != -1)
		close(fd);
	return rc == 0 ? (int)n : -1;
}
