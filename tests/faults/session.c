/* session: one client connection. See session.h. */
#include "session.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "mono.h"
#include "rng.h"
#include "story.h"

#define LINE_MAX_LEN 2048
#define IN_SIZE	     (ITEM_VALUE_MAX + 65536)
#define OUT_SIZE     (SESSION_DEPTH_MAX * (OP_HEAD_MAX + ITEM_VALUE_MAX + 2))
#define RETRY_US     20000
#define CONNECT_US   1000000 /* a connection that is not there by then is tried anew */
#define IDLE_US	     100000

void
session_start(struct session *s, unsigned n, const struct session_rules *rules,
	      struct op_world *world, struct judge *judge, uint64_t seed)
{
	*s = (struct session){.n = n, .rules = rules, .world = world, .judge = judge, .fd = -1};
	s->rng = rng_mix(seed) + n;
	s->in = malloc(IN_SIZE);
	s->out = malloc(OUT_SIZE);
	if (s->in == NULL || s->out == NULL)
		fatal("memory");
}

void
session_free(struct session *s)
{
	if (s->fd != -1)
		close(s->fd);
	free(s->in);
	free(s->out);
}

/* The one place that ends a connection. */
static void
broken(struct session *s, const char *why)
{
	uint64_t now_us = mono_us();
	char text[200];

	snprintf(text, sizeof(text), "client %u: %s: %s", s->n,
		 s->connected ? "broken" : "no connection", why);
	story_note(s->world->story, text, now_us);
	if (s->world->tolerant) {
		s->world->tolerated++;
	} else if (!s->told) {
		s->world->broken++;
		fprintf(stderr, "%s\n", text);
		/* Once for each outage, however many tries it takes. */
		s->told = 1;
	}
	for (; s->pending > 0; s->pending--, s->first++)
		op_unanswered(&s->fifo[s->first % SESSION_DEPTH_MAX], s->world, s->n, "no answer",
			      now_us);
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	s->connected = s->data = 0;
	s->in_len = s->out_len = s->out_sent = 0;
	s->at_us = now_us + RETRY_US;
}

void
session_break(struct session *s, const char *why)
{
	if (s->fd != -1)
		broken(s, why);
}

void
session_give_up(struct session *s, uint64_t waited_us)
{
	if (s->pending > 0 &&
	    mono_us() - s->fifo[s->first % SESSION_DEPTH_MAX].begun_us > waited_us)
		broken(s, "no answer in time");
}

static void
try_connect(struct session *s)
{
	const struct addr *to = &s->rules->to, *from = &s->rules->from[s->side];
	struct linger none = {.l_onoff = 1};
	int on = 1;

	s->fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd == -1)
		fatal("socket");
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* What was not sent is not sent behind our back when a cut has healed. */
	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	if (from->len != 0 && bind(s->fd, &from->u.sa, from->len) == -1)
		fatal("%s", from->text);
	s->at_us = mono_us() + CONNECT_US;
	if (connect(s->fd, &to->u.sa, to->len) == -1 && errno != EINPROGRESS)
		broken(s, strerror(errno));
}

static void
connected(struct session *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1 || error != 0) {
		broken(s, strerror(error));
		return;
	}
	s->connected = 1;
	s->told = 0;
	s->world->connects++;
	s->at_us = mono_us();
}

/* ---- sending ---- */

static void
begin(struct session *s, const struct op *op)
{
	struct op *mine = &s->fifo[(s->first + s->pending++) % SESSION_DEPTH_MAX];
	const char *body;
	size_t body_len;

	for (unsigned i = 0; i + 1 < s->pending; i++)
		op_overtake(&s->fifo[(s->first + i) % SESSION_DEPTH_MAX], op);
	*mine = *op;
	mine->judge = s->judge;
	s->out_len += op_begin(mine, s->world, s->out + s->out_len, &body, &body_len, mono_us());
	if (body == NULL)
		return;
	memcpy(s->out + s->out_len, body, body_len);
	memcpy(s->out + s->out_len + body_len, "\r\n", 2);
	s->out_len += body_len + 2;
}

static void
push(struct session *s)
{
	ssize_t n;

	while (s->connected && s->out_sent < s->out_len) {
		n = send(s->fd, s->out + s->out_sent, s->out_len - s->out_sent, MSG_NOSIGNAL);
		if (n == -1) {
			if (errno != EAGAIN && errno != EINTR)
				broken(s, strerror(errno));
			return;
		}
		s->out_sent += (size_t)n;
	}
	s->out_len = s->out_sent = 0;
}

int
session_ask(struct session *s, const struct op *op)
{
	if (!s->connected || s->out_len != 0 || s->pending == s->rules->depth)
		return -1;
	begin(s, op);
	push(s);
	return 0;
}

void
session_stop(struct session *s)
{
	s->stopped = 1;
}

/* Some at once or one alone, so that each kind of turn is met; the pace holds on average. */
static void
begin_some(struct session *s)
{
	unsigned n = rng_below(&s->rng, 4) == 0 ? 1 + rng_below(&s->rng, s->rules->depth) : 1;
	struct op op;

	for (unsigned i = 0; i < n && s->pending < s->rules->depth; i++) {
		op_choose(&op, s->world, &s->rng);
		begin(s, &op);
		s->at_us +=
		    s->rules->pace_us / 2 + rng_below(&s->rng, (unsigned)s->rules->pace_us + 1);
	}
}

uint64_t
session_turn(struct session *s)
{
	uint64_t now_us = mono_us();

	if (!s->connected && now_us >= s->at_us) {
		session_break(s, "no answer to the connection's begin");
		if (!s->rules->held[s->side])
			try_connect(s);
		else
			s->at_us = now_us + IDLE_US;
	}
	session_give_up(s, s->rules->patience_us);
	if (!s->connected)
		return s->at_us;
	if (!s->stopped && now_us >= s->at_us && s->out_len == 0 && s->pending < s->rules->depth) {
		/* What was missed is not made up for. */
		if (now_us - s->at_us > IDLE_US)
			s->at_us = now_us;
		begin_some(s);
		push(s);
	}
	if (s->stopped || s->at_us <= now_us)
		return now_us + IDLE_US;
	return s->at_us;
}

/* ---- receiving ---- */

static void
ended(struct session *s)
{
	const struct op *op = &s->fifo[s->first % SESSION_DEPTH_MAX];
	uint64_t took_ms = (mono_us() - op->begun_us) / 1000;
	struct op next;
	int follow = !s->stopped && op_follow(op, &next);

	if (took_ms > s->world->slowest_ms)
		s->world->slowest_ms = took_ms;
	s->first++;
	s->pending--;
	/* What still waits to be sent was begun before: then it would not be the next. */
	if (follow && s->out_len == 0)
		begin(s, &next);
}

/* Gives the operation its next line or data block. Returns the bytes used, 0: not all there. */
static size_t
take(struct session *s, char *in, size_t len)
{
	struct op *op = &s->fifo[s->first % SESSION_DEPTH_MAX];
	enum op_more more;
	size_t used;
	char *nl;

	if (s->data) {
		used = s->data_len + 2;
		if (len < used)
			return 0;
		more = memcmp(in + s->data_len, "\r\n", 2) != 0
			   ? OP_NONSENSE
			   : op_data(op, s->world, s->n, in, s->data_len, mono_us());
		s->data = 0;
	} else {
		nl = memchr(in, '\n', len);
		if (nl == NULL && len < LINE_MAX_LEN)
			return 0;
		used = nl != NULL ? (size_t)(nl - in) + 1 : len;
		if (nl == NULL || nl == in || nl[-1] != '\r' || s->pending == 0) {
			more = OP_NONSENSE;
		} else {
			nl[-1] = '\0';
			more = op_line(op, s->world, s->n, in, &s->data_len, mono_us());
		}
	}
	if (more == OP_DATA)
		s->data = 1;
	else if (more == OP_ENDED)
		ended(s);
	else if (more == OP_NONSENSE)
		broken(s, "an answer to something else");
	return used;
}

static void
pull(struct session *s)
{
	size_t at = 0, used = 1;
	ssize_t n = recv(s->fd, s->in + s->in_len, IN_SIZE - s->in_len, 0);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		broken(s, n == 0 ? "closed by the server" : strerror(errno));
		return;
	}
	if (n > 0)
		s->in_len += (size_t)n;
	while (s->connected && used != 0 && at < s->in_len) {
		used = take(s, s->in + at, s->in_len - at);
		at += used;
	}
	if (!s->connected)
		return;
	memmove(s->in, s->in + at, s->in_len - at);
	s->in_len -= at;
	push(s);
}

short
session_events(const struct session *s)
{
	if (!s->connected)
		return POLLOUT;
	return (short)(s->out_sent < s->out_len ? POLLIN | POLLOUT : POLLIN);
}

void
session_ready(struct session *s, short revents)
{
	if (s->fd == -1 || revents == 0)
		return;
	if (!s->connected) {
		connected(s);
		return;
	}
	if (revents & (POLLIN | POLLHUP | POLLERR))
		pull(s);
	if (s->connected && (revents & POLLOUT))
		push(s);
}
