/* probe: asks servers one question each and takes the first good answer. See probe.h. */
#include "probe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mono.h"

static enum probe_verdict
judge_stats(const char *line)
{
	if (strncmp(line, "STAT ", 5) == 0)
		return PROBE_MORE;
	/* Full, but it serves; the same clients would fill the other node's proxy too. */
	if (strcmp(line, "ERROR Too many open connections") == 0)
		return PROBE_GOOD;
	return strcmp(line, "END") == 0 ? PROBE_GOOD : PROBE_BAD;
}

static enum probe_verdict
judge_version(const char *line)
{
	return strncmp(line, "VERSION ", 8) == 0 ? PROBE_GOOD : PROBE_BAD;
}

const struct question question_stats_servers = {"stats servers\r\n", judge_stats};
const struct question question_version = {"version\r\n", judge_version};

static void
probe_close(struct probe *p)
{
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
}

static void
probe_failed(struct probe *p, const char *what)
{
	snprintf(p->why, sizeof(p->why), "%s: %s", p->to.text, what);
	probe_close(p);
	p->again_ms = mono_ms() + PROBE_PAUSE_MS;
}

static void
probe_start(struct probe *p)
{
	p->len = p->lines = 0;
	p->connect_by_ms = mono_ms() + PROBE_CONNECT_MS;
	p->fd = socket(p->to.u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd == -1 || (connect(p->fd, &p->to.u.sa, p->to.len) == -1 && errno != EINPROGRESS))
		probe_failed(p, strerror(errno));
}

/* The connection is there, or has failed: asks. A few bytes always fit a new socket's buffer. */
static void
probe_ask(struct probe *p, const char *text)
{
	size_t len = strlen(text);
	int err = 0;
	socklen_t err_len = sizeof(err);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &err_len) == -1)
		err = errno;
	if (err != 0) {
		probe_failed(p, strerror(err));
		return;
	}
	p->connect_by_ms = 0;
	snprintf(p->why, sizeof(p->why), "%s: silent", p->to.text);
	if (send(p->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		probe_failed(p, strerror(errno));
}

static enum probe_verdict
probe_judge(struct probe *p, const struct question *q, unsigned len)
{
	enum probe_verdict v;

	p->line[len] = '\0';
	if (len > 0 && p->line[len - 1] == '\r')
		p->line[len - 1] = '\0';
	v = q->judge(p->line);
	if (v == PROBE_MORE && ++p->lines == PROBE_LINES_MAX)
		v = PROBE_BAD;
	if (v == PROBE_BAD) {
		char what[64];

		for (char *c = p->line; *c != '\0'; c++)
			if (*c < ' ' || *c > '~')
				*c = '?';
		snprintf(what, sizeof(what), "answers '%.40s'", p->line);
		probe_failed(p, what);
	}
	return v;
}

/* Reads once what is there. Returns 1 when the answer was good. */
static int
probe_read(struct probe *p, const struct question *q)
{
	ssize_t n = recv(p->fd, p->line + p->len, sizeof(p->line) - 1 - p->len, 0);
	char *end;

	if (n <= 0) {
		if (n == 0)
			probe_failed(p, "closed the connection");
		else if (errno != EAGAIN && errno != EINTR)
			probe_failed(p, strerror(errno));
		return 0;
	}
	p->len += (unsigned)n;
	while ((end = memchr(p->line, '\n', p->len)) != NULL) {
		unsigned used = (unsigned)(end - p->line) + 1;
		enum probe_verdict v = probe_judge(p, q, used - 1);

		if (v != PROBE_MORE)
			return v == PROBE_GOOD;
		p->len -= used;
		memmove(p->line, p->line + used, p->len);
	}
	if (p->len == sizeof(p->line) - 1)
		probe_failed(p, "answers without a line end");
	return 0;
}

/* Milliseconds until something is due, for poll(2). */
static int
probe_wait_ms(const struct probe *p, unsigned n, uint64_t now, uint64_t deadline_ms)
{
	uint64_t next = deadline_ms;

	for (unsigned i = 0; i < n; i++) {
		uint64_t due = p[i].fd == -1 ? p[i].again_ms : p[i].connect_by_ms;

		if (due != 0 && due < next)
			next = due;
	}
	return next > now ? (int)(next - now) : 0;
}

int
probe_any(struct probe *p, unsigned n, const struct question *q, uint64_t deadline_ms)
{
	struct pollfd fds[PROBES_MAX];
	int answered = -1;

	for (unsigned i = 0; i < n; i++) {
		p[i].fd = -1;
		p[i].again_ms = 0;
		snprintf(p[i].why, sizeof(p[i].why), "%s: does not accept the connection",
			 p[i].to.text);
	}
	while (answered == -1) {
		uint64_t now = mono_ms();

		if (now >= deadline_ms)
			break;
		for (unsigned i = 0; i < n; i++) {
			if (p[i].fd == -1 && p[i].again_ms <= now)
				probe_start(&p[i]);
			else if (p[i].fd != -1 && p[i].connect_by_ms != 0 &&
				 p[i].connect_by_ms <= now)
				probe_failed(&p[i], "does not accept the connection");
			/* poll(2) skips a negative descriptor. */
			fds[i] = (struct pollfd){
			    .fd = p[i].fd, .events = p[i].connect_by_ms != 0 ? POLLOUT : POLLIN};
		}
		if (poll(fds, n, probe_wait_ms(p, n, mono_ms(), deadline_ms)) == -1 &&
		    errno != EINTR)
			break;
		for (unsigned i = 0; i < n && answered == -1; i++) {
			if (p[i].fd == -1 || fds[i].fd != p[i].fd || fds[i].revents == 0)
				continue;
			if (p[i].connect_by_ms != 0)
				probe_ask(&p[i], q->text);
			else if (probe_read(&p[i], q))
				answered = (int)i;
		}
	}
	for (unsigned i = 0; i < n; i++)
		probe_close(&p[i]);
	return answered;
}
