/* custodian: the process that keeps one proxy where the VIP is. See custodian.h. */
#include "custodian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "ctl.h"
#include "custody.h"
#include "holder.h"
#include "keeper.h"
#include "log.h"
#include "mono.h"
#include "span.h"
#include "title.h"
#include "vip.h"

#define START_LIMIT_MS	 30000 /* from the start to "ready": host names may have to be looked up */
#define TRUST_MS	 10000 /* a proxy that has served so long is not failing at its start */
#define TERM_MS		 100   /* from SIGTERM to SIGKILL when the VIP may be elsewhere already */
#define DRAIN_MS	 1100  /* and when it is not: the proxy's own --drain, and some */
#define KILL_AGAIN_MS	 5000
#define WORDS_COUNT_MS	 1000 /* what the proxy said so shortly before its end is the reason */
#define RETRY_FIRST_MS	 100  /* after a start that was tried again at once */
#define RETRY_MAX_MS	 5000
#define PAUSE_MS	 1000
#define ORPHAN_MS	 1000
#define SEEK_TRIES	 5   /* when it is to end, and /proc does not say whether it may */
#define LOOK_MS		 100 /* the kernel did not say where the VIP is: asked again after that */
#define VIP_QUERY_MS	 200
#define KEEPER_LOOK_MS	 200  /* without pidfds: how often keepalived is looked for */
#define ANSWER_MS	 2500 /* a hook is answered by then, settled or not */
#define CLIENTS_MAX	 128
#define ACCEPTS_MAX	 16 /* in one turn */
#define ADDRESSES_MAX	 8  /* the VIP on so many interfaces at most is taken away */
#define QUIET_AFTER	 4  /* failures in a row, then the log hears less of them */
#define EVENTS_CHAIN_MAX 8  /* an event that leads to an event ... */

/* A hook that waits for its answer. */
struct client {
	int fd;
	int asked; /* its order has come */
	enum args_what what;
	int deleted; /* that order said DELETED */
	int reread;  /* the proxy was asked to read its configuration again */
	uint64_t deadline_ms;
};

struct custodian {
	struct site site;
	enum custody_state state;
	struct child child;
	struct state pub;	 /* what the state file says */
	struct state pub_was;	 /* as it was written last */
	struct ident keepalived; /* pid 0: gone */

	/* Descriptors; -1: not there. */
	int dir, signal_fd, watch_fd, listen_fd;
	int keepalived_fd; /* a pidfd; -1 with keepalived.pid set: the kernel has none */
	int holder_fd;	   /* a pidfd on the foreign process that holds the port */
	pid_t holder_pid;  /* who that is */
	char holder_said[STATE_NOTE_MAX]; /* what the log was told of it */

	uint64_t timer_ms; /* mono_ms(); 0: off. The one of the table */
	uint64_t since_ms; /* the state, mono_ms() */
	uint64_t look_ms;  /* when to ask for the VIP again; 0: no need */
	uint64_t retry_ms; /* the pause that runs, in WAITING */
	unsigned failures; /* starts that failed in a row */
	unsigned seeks;
	int again;		   /* the next start is a restart */
	int stopped;		   /* it ends because memvip-notify stop said so */
	char said[CHILD_LINE_MAX]; /* the last words of the proxy that died last */
	int unknown_said, watch_said, write_said;
	struct client clients[CLIENTS_MAX];
	unsigned clients_n;
};

/* ---- what is known, for status ---- */

static void note_set(struct custodian *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
note_set(struct custodian *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->pub.note, sizeof(c->pub.note), fmt, ap);
	va_end(ap);
}

static void
publish(struct custodian *c)
{
	c->pub.proxy = c->child.id;
	c->pub.keepalived = c->keepalived;
	if (memcmp(&c->pub, &c->pub_was, sizeof(c->pub)) == 0)
		return;
	c->pub_was = c->pub;
	if (state_write(c->dir, c->site.key, &c->pub) == -1 && !c->write_said) {
		log_warn("%s: cannot write the state file: memvip-notify status shows what was",
			 c->site.vip.text);
		c->write_said = 1;
	}
}

static void
state_set(struct custodian *c, enum custody_state next, enum custody_event event)
{
	char span[SPAN_MAX];

	if (next == c->state)
		return;
	/* A proxy that cannot start has said why; each of the many further tries is not news. */
	if (c->failures < QUIET_AFTER || event == CUSTODY_NUDGE ||
	    (next != CUSTODY_STARTING && next != CUSTODY_WAITING))
		log_info("%s: %s -> %s: %s (%s for %s)", c->site.vip.text,
			 custody_state_name(c->state), custody_state_name(next),
			 custody_event_name(event), custody_state_name(c->state),
			 span_text(span, mono_ms() - c->since_ms));
	c->state = next;
	c->since_ms = mono_ms();
	snprintf(c->pub.phase, sizeof(c->pub.phase), "%s", custody_state_name(next));
	c->pub.since_s = time(NULL);
}

/* ---- keepalived and the VIP ---- */

static void
keepalived_forget(struct custodian *c)
{
	if (c->keepalived_fd != -1)
		close(c->keepalived_fd);
	c->keepalived_fd = -1;
	memset(&c->keepalived, 0, sizeof(c->keepalived));
}

static int
keepalived_alive(const struct custodian *c)
{
	struct pollfd p = {c->keepalived_fd, POLLIN, 0};

	if (c->keepalived.pid == 0)
		return 0;
	if (c->keepalived_fd != -1)
		return poll(&p, 1, 0) == 0;
	return ident_alive(&c->keepalived);
}

/* Watches this one from now on. Returns 1, or 0 when it has ended already. */
static int
keepalived_adopt(struct custodian *c, const struct ident *id)
{
	int fd = ident_open(id);

	if (fd == -1 && errno == ESRCH)
		return 0;
	if (fd == -1 && errno != ENOSYS)
		log_warn("%s: keepalived[%d] is watched in /proc, there is no pidfd for it",
			 c->site.vip.text, (int)id->pid);
	keepalived_forget(c);
	c->keepalived = *id;
	c->keepalived_fd = fd;
	log_debug("%s: watching keepalived[%d]", c->site.vip.text, (int)id->pid);
	return 1;
}

/*
 * A hook brings its keepalived. Hooks come late and in any order: one that is being stopped must
 * not displace its successor. Returns 1 when there is somebody to watch that was not before.
 */
static int
keepalived_offer(struct custodian *c, const struct order *o)
{
	if (o->keepalived.pid == 0 || ident_equal(&o->keepalived, &c->keepalived))
		return 0;
	if (keepalived_alive(c) &&
	    (!o->by_ancestry || o->keepalived.start_ticks < c->keepalived.start_ticks))
		return 0;
	return keepalived_adopt(c, &o->keepalived);
}

/* What is true now? The answer is an event. */
static enum custody_event
look(struct custodian *c)
{
	c->look_ms = 0;
	if (!keepalived_alive(c)) {
		keepalived_forget(c);
		return CUSTODY_KEEPALIVED_GONE;
	}
	switch (vip_query(&c->site.vip, NULL, VIP_QUERY_MS)) {
	case VIP_HERE:
		c->unknown_said = 0;
		return CUSTODY_VIP_HERE;
	case VIP_ABSENT:
		c->unknown_said = 0;
		return CUSTODY_VIP_GONE;
	case VIP_UNKNOWN:
		break;
	}
	if (!c->unknown_said)
		log_warn("%s: cannot ask the kernel for the VIP, trying again in %d ms",
			 c->site.vip.text, LOOK_MS);
	c->unknown_said = 1;
	c->look_ms = mono_ms() + LOOK_MS;
	return CUSTODY_VIP_UNKNOWN;
}

/* keepalived died and left the VIP behind, and the other node has taken it as well by now. */
static void
abandon_vip(struct custodian *c)
{
	struct vip_place place;

	for (unsigned i = 0; i < ADDRESSES_MAX; i++) {
		if (vip_query(&c->site.vip, &place, VIP_QUERY_MS) != VIP_HERE)
			return;
		if (c->site.keep_vip) {
			log_warnx("%s: no keepalived is left, and %s is still on this machine: "
				  "left there "
				  "(--keep-vip)",
				  c->site.vip.text, c->site.ip);
			note_set(c, "orphaned VIP left where it is (keep-vip)");
			return;
		}
		if (vip_remove(&c->site.vip, &place) == -1) {
			log_warn("%s: cannot take the orphaned %s away from interface %u",
				 c->site.vip.text, c->site.ip, place.ifindex);
			note_set(c, "orphaned VIP cannot be taken away");
			return;
		}
		log_warnx(
		    "%s: no keepalived is left: took the orphaned %s/%u away from interface %u",
		    c->site.vip.text, c->site.ip, place.prefix_len, place.ifindex);
	}
}

/* Returns 1 with *event set, or 0 when that is to be tried again (the timer is set). */
static int
seek(struct custodian *c, enum custody_event *event)
{
	struct ident found;
	int rc = keeper_any(&found);

	if (rc == 1 && keepalived_adopt(c, &found)) {
		*event = CUSTODY_KEEPALIVED_BACK;
		return 1;
	}
	if (rc == 0) {
		*event = CUSTODY_KEEPALIVED_NOWHERE;
		return 1;
	}
	if (rc == -1 && c->seeks++ == 0)
		log_warn("%s: cannot look for keepalived", c->site.vip.text);
	if (c->state == CUSTODY_PARTING && c->seeks > SEEK_TRIES) {
		/* In doubt the VIP stays. */
		*event = CUSTODY_KEEPALIVED_BACK;
		return 1;
	}
	c->timer_ms = mono_ms() + ORPHAN_MS;
	return 0;
}

/* ---- the proxy ---- */

static void
proxy_line(const char *text, void *arg)
{
	struct custodian *c = arg;

	/* In a loop of failures its last words are always the same. */
	if (c->failures > 1 && strcmp(text, c->said) == 0)
		return;
	log_info("%s: proxy[%d]: %s", c->site.vip.text, (int)c->child.id.pid, text);
}

static void
holder_forget(struct custodian *c)
{
	if (c->holder_fd != -1)
		close(c->holder_fd);
	c->holder_fd = -1;
	c->holder_pid = 0;
}

/*
 * Does somebody else hold the port? Then that is the reason, and its end the time to try again.
 * When it has let go of it meanwhile, that time is now.
 */
static void
holder_look(struct custodian *c)
{
	struct holder h;
	struct ident id;
	pid_t was = c->holder_pid;
	int found = holder_find(&c->site.vip, &h), named = found == 1 && holder_name(&h);

	if (found == 1 && !named)
		note_set(c, "%s is held by an unknown process of uid %u", c->site.vip.text, h.uid);
	if (named)
		note_set(c, "%s is held by %s[%d]", c->site.vip.text, h.comm, (int)h.pid);
	if (named && h.pid == was)
		return;
	if (found == 1 && strcmp(c->holder_said, c->pub.note) != 0)
		log_warnx("%s", c->pub.note);
	memcpy(c->holder_said, c->pub.note, sizeof(c->holder_said));
	holder_forget(c);
	if (named && ident_of(h.pid, &id) == 0) {
		c->holder_pid = h.pid;
		c->holder_fd = ident_open(&id);
		if (c->holder_fd != -1 || errno == ENOSYS)
			return;
	}
	if (named || was != 0)
		c->failures = 0; /* it has just gone: no pause */
}

/* Starts it. Returns 1, or 0 when that failed at once. */
static int
proxy_start(struct custodian *c)
{
	if (c->again)
		c->pub.restarts++;
	if (child_start(&c->child, c->site.proxy, c->site.conf) == 0) {
		log_debug("%s: started %s, pid %d", c->site.vip.text, c->site.proxy,
			  (int)c->child.id.pid);
		return 1;
	}
	log_warn("%s: cannot start %s", c->site.vip.text, c->site.proxy);
	note_set(c, "cannot start %.200s", c->site.proxy);
	return 0;
}

static void
proxy_kill(struct custodian *c)
{
	unsigned after_ms = (unsigned)(mono_ms() - c->child.started_ms);

	if (c->child.kill_sent)
		log_warnx("%s: proxy[%d] does not end, SIGKILL or not", c->site.vip.text,
			  (int)c->child.id.pid);
	else if (c->child.term_sent)
		log_warnx("%s: proxy[%d] has not ended in time: killed", c->site.vip.text,
			  (int)c->child.id.pid);
	else
		log_warnx("%s: proxy[%d] does not listen after %u ms: killed", c->site.vip.text,
			  (int)c->child.id.pid, after_ms);
	child_signal(&c->child, SIGKILL);
}

/* It has died by itself. Sets the pause before the next start. */
static void
proxy_pause(struct custodian *c, enum custody_action action)
{
	unsigned exponent = c->failures > 8 ? 8 : c->failures;

	switch (action) {
	case CUSTODY_PAUSE:
		c->retry_ms = PAUSE_MS;
		break;
	case CUSTODY_SLOW:
		c->retry_ms = RETRY_MAX_MS;
		break;
	default:
		c->retry_ms = exponent == 0 ? 0 : (uint64_t)RETRY_FIRST_MS << (exponent - 1);
		if (c->retry_ms > RETRY_MAX_MS)
			c->retry_ms = RETRY_MAX_MS;
	}
	c->failures++;
	c->again = 1;
	c->timer_ms = mono_ms() + c->retry_ms;
}

/* Waits for the child's end, and says what it was. Returns 1 with *event set, or 0. */
static int
proxy_reap(struct custodian *c, enum custody_event *event)
{
	char text[64];
	pid_t pid;
	int status, asked = c->child.term_sent || c->child.kill_sent;

	if (!child_reap(&c->child, &pid, &status, proxy_line, c))
		return 0;
	child_status_text(status, text, sizeof(text));
	*event = CUSTODY_PROXY_DIED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_EXIT_SUPERSEDED)
		*event = CUSTODY_PROXY_SUPERSEDED;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_EXIT_REFUSED)
		*event = CUSTODY_PROXY_REFUSED;
	if (asked) {
		log_debug("%s: proxy[%d] %s", c->site.vip.text, (int)pid, text);
		return 1;
	}
	if (c->failures < 2 || strcmp(c->said, c->child.last) != 0)
		log_warnx("%s: proxy[%d] %s", c->site.vip.text, (int)pid, text);
	memcpy(c->said, c->child.last, sizeof(c->said));
	/* Words of long ago, or before a signal, are no reason. */
	if (WIFEXITED(status) && c->child.last[0] != '\0' &&
	    mono_ms() - c->child.last_ms < WORDS_COUNT_MS)
		note_set(c, "the proxy %s: %s", text, c->child.last);
	else
		note_set(c, "the proxy %s", text);
	if (*event == CUSTODY_PROXY_DIED && c->state == CUSTODY_STARTING)
		holder_look(c);
	return 1;
}

/* ---- the table at work ---- */

/* Carries an action out. Returns 1 with *event set when an event follows from it, else 0. */
static int
act(struct custodian *c, enum custody_action action, enum custody_event *event)
{
	uint64_t now = mono_ms();

	if (action == CUSTODY_NOTHING)
		return 0;
	if (action != CUSTODY_HASTEN)
		c->timer_ms = 0;
	switch (action) {
	case CUSTODY_UNSET:
	case CUSTODY_NOTHING:
		break;
	case CUSTODY_LOOK:
		*event = look(c);
		return 1;
	case CUSTODY_START:
		if (!proxy_start(c)) {
			*event = CUSTODY_PROXY_DIED;
			return 1;
		}
		c->timer_ms = now + START_LIMIT_MS;
		break;
	case CUSTODY_SERVED:
		log_info("%s: proxy[%d] listens, %u ms after its start", c->site.vip.text,
			 (int)c->child.id.pid, (unsigned)(now - c->child.started_ms));
		holder_forget(c);
		if (c->failures < 2)
			c->pub.note[0] = '\0'; /* back after one mishap */
		c->timer_ms = now + TRUST_MS;
		break;
	case CUSTODY_TRUST:
		c->failures = 0;
		c->pub.note[0] = '\0';
		break;
	case CUSTODY_TERM:
		child_signal(&c->child, SIGTERM);
		c->timer_ms = now + TERM_MS;
		break;
	case CUSTODY_DRAIN:
		child_signal(&c->child, SIGTERM);
		c->timer_ms = now + DRAIN_MS;
		break;
	case CUSTODY_HASTEN:
		if (c->timer_ms > now + TERM_MS)
			c->timer_ms = now + TERM_MS;
		break;
	case CUSTODY_KILL:
		proxy_kill(c);
		c->timer_ms = now + KILL_AGAIN_MS;
		break;
	case CUSTODY_RETRY:
	case CUSTODY_PAUSE:
	case CUSTODY_SLOW:
		proxy_pause(c, action);
		break;
	case CUSTODY_FORGET:
		/* The note stays: it is why this node has lost the VIP, as likely as not. */
		holder_forget(c);
		break;
	case CUSTODY_ORPHAN:
		c->seeks = 0;
		holder_forget(c);
		c->timer_ms = now + ORPHAN_MS;
		break;
	case CUSTODY_SEEK:
		return seek(c, event);
	case CUSTODY_ABANDON:
		abandon_vip(c);
		break;
	case CUSTODY_END:
		break;
	}
	return 0;
}

static void
happen(struct custodian *c, enum custody_event event)
{
	for (unsigned i = 0; i < EVENTS_CHAIN_MAX; i++) {
		struct custody_step step = custody_step(c->state, event);

		state_set(c, step.next, event);
		if (!act(c, step.action, &event))
			break;
	}
	/* The VIP went, and with it what was wrong with the starts for it. */
	if (c->state == CUSTODY_IDLE || c->state == CUSTODY_ORPHANED) {
		c->failures = 0;
		c->again = 0;
	}
	publish(c);
}

/* ---- hooks that ask ---- */

/* Nothing is under way that would change the answer in a moment? */
static int
settled(const struct custodian *c)
{
	switch (c->state) {
	case CUSTODY_IDLE:
	case CUSTODY_SERVING:
	case CUSTODY_ORPHANED:
		return c->look_ms == 0;
	case CUSTODY_WAITING:
		return c->retry_ms > 0;
	default:
		return 0;
	}
}

static void
answer(struct custodian *c, char *buf, size_t size)
{
	const char *note = c->pub.note;

	switch (c->state) {
	case CUSTODY_IDLE:
		snprintf(buf, size, "ok idle: %s is not here", c->site.ip);
		break;
	case CUSTODY_SERVING:
		snprintf(buf, size, "ok serving: proxy[%d] listens", (int)c->child.id.pid);
		break;
	case CUSTODY_ORPHANED:
		snprintf(buf, size, "ok idle: keepalived is gone");
		break;
	case CUSTODY_WAITING:
		snprintf(buf, size, "bad not serving: %s", note);
		break;
	case CUSTODY_STARTING:
		snprintf(buf, size, "bad not serving yet: proxy[%d] has not said that it listens",
			 (int)c->child.id.pid);
		break;
	default:
		snprintf(buf, size, "bad %s: proxy[%d] has not ended yet",
			 custody_state_name(c->state), (int)c->child.id.pid);
	}
}

static void
client_drop(struct custodian *c, unsigned i)
{
	close(c->clients[i].fd);
	c->clients[i] = c->clients[--c->clients_n];
}

/* Gives those their answer whose time has come. */
static void
clients_answer(struct custodian *c)
{
	char text[CTL_ANSWER_MAX];
	uint64_t now = mono_ms();

	for (unsigned i = c->clients_n; i-- > 0;) {
		const struct client *cl = &c->clients[i];
		int late = cl->deadline_ms <= now;

		if (cl->asked && (late || (cl->what != ARGS_STOP && settled(c)))) {
			answer(c, text, sizeof(text));
			if (cl->reread && c->state == CUSTODY_SERVING)
				strncat(text, ", and reads its configuration again",
					sizeof(text) - strlen(text) - 1);
			(void)ctl_send(cl->fd, text);
			client_drop(c, i);
		} else if (late) {
			client_drop(c, i);
		}
	}
}

/*
 * The end: who wanted it is told so. The others are left without an answer, and will find that
 * there is no custodian.
 */
static void
clients_end(struct custodian *c)
{
	while (c->clients_n > 0) {
		const struct client *cl = &c->clients[c->clients_n - 1];

		if (cl->asked && cl->what == ARGS_STOP)
			(void)ctl_send(cl->fd, "ok stopped, until the next hook or sync");
		else if (cl->asked && cl->deleted)
			(void)ctl_send(cl->fd, "ok ended: the instance was deleted");
		client_drop(c, c->clients_n - 1);
	}
}

static void
order_log(const struct custodian *c, const struct order *o)
{
	if (o->what == ARGS_HOOK)
		log_info("%s: keepalived says %s (%s %s, priority %u)", c->site.vip.text,
			 word_state_name(o->word.state), o->word.group ? "GROUP" : "INSTANCE",
			 o->word.name, o->word.priority);
	else
		log_info("%s: asked to %s", c->site.vip.text,
			 o->what == ARGS_STOP ? "stop" : "sync");
}

static void
order_do(struct custodian *c, struct client *cl, const struct order *o)
{
	order_log(c, o);
	cl->asked = 1;
	cl->what = o->what;
	cl->deleted = o->what == ARGS_HOOK && o->word.state == WORD_DELETED && !o->word.group;
	if (o->what == ARGS_STOP) {
		c->stopped = 1;
		happen(c, CUSTODY_STOP);
		return;
	}
	/* The newest hook's configuration counts from the next start on. */
	(void)order_copy(c->site.conf, sizeof(c->site.conf), o->conf);
	(void)order_copy(c->pub.conf, sizeof(c->pub.conf), o->conf);
	(void)order_copy(c->site.proxy, sizeof(c->site.proxy), o->proxy);
	c->site.keep_vip = o->keep_vip;
	if (o->what == ARGS_HOOK) {
		c->pub.word = o->word;
		c->pub.said_s = time(NULL);
	} else {
		c->pub.note[0] = '\0'; /* whoever says sync has mended it, or hears of it again */
	}
	if (keepalived_offer(c, o))
		happen(c, CUSTODY_KEEPALIVED_BACK);
	happen(c, look(c));
	if (o->what == ARGS_SYNC) {
		if (rundir_clear_hold(c->dir, c->site.key))
			log_info("%s: ended the check's hold-down", c->site.vip.text);
		/* One that is about to be started reads it anyway. */
		if (c->state == CUSTODY_SERVING) {
			child_signal(&c->child, SIGHUP);
			cl->reread = 1;
		}
		happen(c, CUSTODY_NUDGE);
	}
	if (cl->deleted)
		happen(c, CUSTODY_DELETED);
}

/* Its order has come, or it has gone. */
static void
client_read(struct custodian *c, unsigned i)
{
	struct client *cl = &c->clients[i];
	char text[ORDER_TEXT_MAX];
	struct order o;
	ssize_t n = ctl_recv(cl->fd, text, sizeof(text));

	if (n == -1 && errno == EAGAIN)
		return;
	if (n > 0 && !cl->asked && order_parse(&o, text) == 0) {
		order_do(c, cl, &o);
		return;
	}
	if (n > 0)
		log_warnx("%s: an order that is none on the control socket", c->site.vip.text);
	client_drop(c, i);
}

static void
clients_accept(struct custodian *c)
{
	for (unsigned i = 0; i < ACCEPTS_MAX && c->clients_n < CLIENTS_MAX; i++) {
		int fd = ctl_accept(c->listen_fd);

		if (fd == -1)
			return;
		memset(&c->clients[c->clients_n], 0, sizeof(c->clients[0]));
		c->clients[c->clients_n].fd = fd;
		c->clients[c->clients_n].deadline_ms = mono_ms() + ANSWER_MS;
		c->clients_n++;
	}
}

/* ---- descriptors into events ---- */

enum { AT_SIGNAL, AT_WATCH, AT_KEEPALIVED, AT_HOLDER, AT_LISTEN, AT_LIFE, AT_ERR, AT_CLIENTS };

static void
signals_read(struct custodian *c)
{
	struct signalfd_siginfo si;
	enum custody_event event;
	int stop = 0, child = 0;

	while (read(c->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			child = 1;
		else if (si.ssi_signo == SIGUSR1)
			log_toggle();
		else
			stop = 1;
	}
	/* The stop first: whoever ends the whole group wants no new proxy in the place of the old. */
	if (stop)
		happen(c, CUSTODY_STOP);
	if (child && proxy_reap(c, &event))
		happen(c, event);
}

static void
watch_read(struct custodian *c)
{
	int rc = vip_watch_read(c->watch_fd, &c->site.vip);

	if (rc == 1)
		happen(c, look(c));
	if (rc != -1)
		return;
	if (!c->watch_said)
		log_warn("%s: the watch on the address table broke, opening it anew",
			 c->site.vip.text);
	c->watch_said = 1;
	close(c->watch_fd);
	c->watch_fd = vip_watch_open();
	if (c->watch_fd == -1)
		c->look_ms = mono_ms() + LOOK_MS; /* better by the clock than blind */
	else
		happen(c, look(c));
}

static unsigned
poll_fill(const struct custodian *c, struct pollfd *p)
{
	memset(p, 0, sizeof(*p) * AT_CLIENTS);
	p[AT_SIGNAL].fd = c->signal_fd;
	p[AT_WATCH].fd = c->watch_fd;
	p[AT_KEEPALIVED].fd = c->keepalived_fd;
	p[AT_HOLDER].fd = c->holder_fd;
	p[AT_LISTEN].fd = c->clients_n < CLIENTS_MAX ? c->listen_fd : -1;
	p[AT_LIFE].fd = c->child.life_fd;
	p[AT_ERR].fd = c->child.err_fd;
	for (unsigned i = 0; i < AT_CLIENTS; i++)
		p[i].events = POLLIN;
	for (unsigned i = 0; i < c->clients_n; i++)
		p[AT_CLIENTS + i] = (struct pollfd){c->clients[i].fd, POLLIN, 0};
	return AT_CLIENTS + c->clients_n;
}

/* Milliseconds until something is due, for poll(2); -1: nothing is. */
static int
poll_timeout(const struct custodian *c)
{
	uint64_t next = UINT64_MAX, now = mono_ms();

	if (c->timer_ms != 0)
		next = c->timer_ms;
	if (c->look_ms != 0 && c->look_ms < next)
		next = c->look_ms;
	for (unsigned i = 0; i < c->clients_n; i++)
		if (c->clients[i].deadline_ms < next)
			next = c->clients[i].deadline_ms;
	if (c->keepalived.pid != 0 && c->keepalived_fd == -1 && next > now + KEEPER_LOOK_MS)
		next = now + KEEPER_LOOK_MS;
	if (next == UINT64_MAX)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

static void
turn(struct custodian *c)
{
	struct pollfd p[AT_CLIENTS + CLIENTS_MAX];
	unsigned n = poll_fill(c, p);
	uint64_t now;

	if (poll(p, n, poll_timeout(c)) == -1 && errno != EINTR)
		fatal("%s: poll", c->site.vip.text);
	/* First what the proxy said, then whether it lives: "ready" comes before its end. */
	if (p[AT_LIFE].revents != 0 && child_read_life(&c->child))
		happen(c, CUSTODY_PROXY_READY);
	if (p[AT_ERR].revents != 0)
		child_read_err(&c->child, proxy_line, c);
	if (p[AT_SIGNAL].revents != 0)
		signals_read(c);
	if (p[AT_WATCH].revents != 0)
		watch_read(c);
	/* Asked again: an earlier event of this turn may have brought another one to watch. */
	if ((p[AT_KEEPALIVED].revents != 0 || c->keepalived_fd == -1) && c->keepalived.pid != 0 &&
	    !keepalived_alive(c)) {
		log_info("%s: keepalived[%d] has ended", c->site.vip.text, (int)c->keepalived.pid);
		keepalived_forget(c);
		happen(c, CUSTODY_KEEPALIVED_GONE);
	}
	if (p[AT_HOLDER].revents != 0 && p[AT_HOLDER].fd == c->holder_fd) {
		holder_forget(c);
		happen(c, CUSTODY_NUDGE);
	}
	now = mono_ms();
	if (c->look_ms != 0 && c->look_ms <= now)
		happen(c, look(c));
	if (c->timer_ms != 0 && c->timer_ms <= now) {
		c->timer_ms = 0;
		happen(c, CUSTODY_TIMER);
	}
	/* From the end: a client that goes is replaced by the last one. */
	for (unsigned i = n - AT_CLIENTS; i-- > 0;)
		if (p[AT_CLIENTS + i].revents != 0)
			client_read(c, i);
	if (p[AT_LISTEN].revents != 0)
		clients_accept(c);
	clients_answer(c);
}

/* ---- birth and end ---- */

static void
signals_open(struct custodian *c)
{
	sigset_t set;

	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static _Noreturn void
custodian_run(const struct site *site, const struct order *order, const struct state *was, int dir,
	      int listen_fd)
{
	static struct custodian c; /* some 20 KiB, for the one time that this function is entered */
	char title[ADDR_TEXT_MAX + 32];
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null_fd != -1 && fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
	if (null_fd != -1)
		close(null_fd);
	if (chdir("/") == -1)
		log_warn("/");
	log_to(LOG_DEST_SYSLOG);
	c.site = *site;
	snprintf(title, sizeof(title), "memvip-notify: custodian of %s", site->vip.text);
	title_set(title);

	child_init(&c.child);
	c.state = CUSTODY_IDLE;
	c.since_ms = mono_ms();
	c.dir = dir;
	c.listen_fd = listen_fd;
	c.keepalived_fd = c.holder_fd = -1;
	c.pub = *was;
	memset(&c.pub.proxy, 0, sizeof(c.pub.proxy));
	(void)order_copy(c.pub.listen, sizeof(c.pub.listen), site->vip.text);
	(void)order_copy(c.pub.conf, sizeof(c.pub.conf), site->conf);
	snprintf(c.pub.phase, sizeof(c.pub.phase), "%s", custody_state_name(c.state));
	c.pub.note[0] = '\0';
	c.pub.since_s = time(NULL);
	c.pub.restarts = 0;
	(void)ident_of(getpid(), &c.pub.custodian);

	signals_open(&c);
	c.watch_fd = vip_watch_open();
	/* Listens in its own name, so that a hook can see by the socket who it is (SO_PEERCRED). */
	if (c.signal_fd == -1 || c.watch_fd == -1 || listen(listen_fd, SOMAXCONN) == -1)
		fatal("%s: cannot begin", c.site.vip.text);
	keepalived_adopt(&c, &order->keepalived);
	happen(&c, look(&c));

	while (c.state != CUSTODY_GONE)
		turn(&c);
	if (c.stopped)
		snprintf(c.pub.phase, sizeof(c.pub.phase), "%s", STATE_STOPPED);
	memset(&c.pub.custodian, 0, sizeof(c.pub.custodian));
	publish(&c);
	ctl_remove(dir, c.site.key);
	clients_end(&c);
	exit(0);
}

int
custodian_start(const struct site *site, const struct order *order, const struct state *was,
		int dir, int lock_fd)
{
	int listen_fd = ctl_listen(dir, site->key), saved;
	pid_t pid;

	fflush(NULL); /* or it would be written twice */
	pid = listen_fd != -1 ? fork() : -1;
	if (pid == -1) {
		saved = errno;
		if (listen_fd != -1)
			close(listen_fd);
		errno = saved;
		return -1;
	}
	if (pid == 0) {
		/*
		 * A session of its own: keepalived signals the hook's process group. And a second
		 * fork: not its leader, and nobody's child. lock_fd stays open, that is the lock.
		 */
		(void)lock_fd;
		if (setsid() == -1 || (pid = fork()) == -1)
			_exit(1);
		if (pid != 0)
			_exit(0);
		custodian_run(site, order, was, dir, listen_fd);
	}
	close(listen_fd);
	while (waitpid(pid, &saved, 0) == -1 && errno == EINTR)
		;
	if (WIFEXITED(saved) && WEXITSTATUS(saved) == 0)
		return 0;
	errno = EAGAIN;
	return -1;
}
