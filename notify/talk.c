/* talk: a connection on which lines are asked and answered. See talk.h. */
#include "talk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "mono.h"

static int
wait_for(const struct talk *t, short events)
{
	struct pollfd p = {t->fd, events, 0};
	uint64_t now = mono_ms();
	int rc = poll(&p, 1, now < t->deadline_ms ? (int)(t->deadline_ms - now) : 0);

	if (rc == 0)
		errno = ETIMEDOUT;
	return rc == 1 ? 0 : -1;
}

int
talk_open(struct talk *t, const struct addr *to, int timeout_ms)
{
	int err = 0;
	socklen_t len = sizeof(err);

	t->deadline_ms = mono_ms() + (uint64_t)timeout_ms;
	t->len = t->used = 0;
	t->fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd == -1)
		return -1;
	if ((connect(t->fd, &to->u.sa, to->len) == 0 ||
	     (errno == EINPROGRESS && wait_for(t, POLLOUT) == 0)) &&
	    getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0) {
		if (err == 0)
			return 0;
		errno = err;
	}
	talk_close(t);
	return -1;
}

int
talk_say(struct talk *t, const char *text)
{
	size_t len = strlen(text);
	ssize_t n = send(t->fd, text, len, MSG_NOSIGNAL);

	if (n >= 0 && (size_t)n < len)
		errno = EAGAIN;
	return n == (ssize_t)len ? 0 : -1;
}

char *
talk_line(struct talk *t)
{
	char *end;

	t->len -= t->used;
	memmove(t->buf, t->buf + t->used, t->len);
	t->used = 0;
	while ((end = memchr(t->buf, '\n', t->len)) == NULL) {
		ssize_t got;

		if (t->len == sizeof(t->buf)) {
			errno = EPROTO;
			return NULL;
		}
		if (wait_for(t, POLLIN) == -1) {
			if (errno == EINTR)
				continue;
			return NULL;
		}
		got = recv(t->fd, t->buf + t->len, sizeof(t->buf) - t->len, 0);
		if (got == -1 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got == 0)
			errno = ECONNRESET;
		if (got <= 0)
			return NULL;
		t->len += (size_t)got;
	}
	t->used = (size_t)(end - t->buf) + 1;
	*end = '\0';
	if (end > t->buf && end[-1] == '\r')
		end[-1] = '\0';
	return t->buf;
}

void
talk_close(struct talk *t)
{
	int saved = errno;

	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
	errno = saved;
}
