/* supervisor: the custody's table at work on one proxy. See supervisor.h. */
#include "supervisor.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"
#include "log.h"
#include "mono.h"
#include "orphan.h"
#include "span.h"

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
#define SEEK_TRIES	 5 /* when it is to end, and /proc does not say whether it may */
#define QUIET_AFTER	 4 /* failures in a row, then the log hears less of them */
#define EVENTS_CHAIN_MAX 8 /* an event that leads to an event ... */

/* ---- what is known, for status ---- */

static void note_set(struct supervisor *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
note_set(struct supervisor *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->pub.note, sizeof(s->pub.note), fmt, ap);
	va_end(ap);
}

static void
publish(struct supervisor *s)
{
	s->pub.proxy = s->child.id;
	s->pub.keepalived = s->keeper.id;
	if (memcmp(&s->pub, &s->pub_was, sizeof(s->pub)) == 0)
		return;
	s->pub_was = s->pub;
	if (state_write(s->dir, s->site.key, &s->pub) == -1 && !s->write_said) {
		log_warn("%s: cannot write the state file: memvip-notify status shows what was",
			 s->site.vip.text);
		s->write_said = 1;
	}
}

static void
state_set(struct supervisor *s, enum custody_state next, enum custody_event event)
{
	char span[SPAN_MAX];

	if (next == s->state)
		return;
	/* A proxy that cannot start has said why; each of the many further tries is not news. */
	if (s->failures < QUIET_AFTER || event == CUSTODY_NUDGE ||
	    (next != CUSTODY_STARTING && next != CUSTODY_WAITING))
		log_info("%s: %s -> %s: %s (%s for %s)", s->site.vip.text,
			 custody_state_name(s->state), custody_state_name(next),
			 custody_event_name(event), custody_state_name(s->state),
			 span_text(span, mono_ms() - s->since_ms));
	s->state = next;
	s->since_ms = mono_ms();
	snprintf(s->pub.phase, sizeof(s->pub.phase), "%s", custody_state_name(next));
	s->pub.since_s = time(NULL);
}

/* ---- keepalived and the VIP ---- */

/* What is true now? The answer is an event. */
static enum custody_event
look(struct supervisor *s)
{
	s->address.again_ms = 0;
	if (!keeper_watch_alive(&s->keeper)) {
		keeper_watch_forget(&s->keeper);
		return CUSTODY_KEEPALIVED_GONE;
	}
	switch (address_watch_query(&s->address)) {
	case VIP_HERE:
		return CUSTODY_VIP_HERE;
	case VIP_ABSENT:
		return CUSTODY_VIP_GONE;
	case VIP_UNKNOWN:
		break;
	}
	return CUSTODY_VIP_UNKNOWN;
}

/* Returns 1 with *event set, or 0 when that is to be tried again (the timer is set). */
static int
seek(struct supervisor *s, enum custody_event *event)
{
	struct ident found;
	int rc = keeper_any(&found);

	if (rc == 1 && keeper_watch_adopt(&s->keeper, &found)) {
		*event = CUSTODY_KEEPALIVED_BACK;
		return 1;
	}
	if (rc == 0) {
		*event = CUSTODY_KEEPALIVED_NOWHERE;
		return 1;
	}
	if (rc == -1 && s->seeks++ == 0)
		log_warn("%s: cannot look for keepalived", s->site.vip.text);
	if (s->state == CUSTODY_PARTING && s->seeks > SEEK_TRIES) {
		/* In doubt the VIP stays. */
		*event = CUSTODY_KEEPALIVED_BACK;
		return 1;
	}
	s->timer_ms = mono_ms() + ORPHAN_MS;
	return 0;
}

/* ---- the proxy ---- */

static void
proxy_line(const char *text, void *arg)
{
	struct supervisor *s = arg;

	/* In a loop of failures its last words are always the same. */
	if (s->failures > 1 && strcmp(text, s->said) == 0)
		return;
	log_info("%s: proxy[%d]: %s", s->site.vip.text, (int)s->child.id.pid, text);
}

/* Starts it. Returns 1, or 0 when that failed at once. */
static int
proxy_start(struct supervisor *s)
{
	if (s->again)
		s->pub.restarts++;
	if (child_start(&s->child, s->site.proxy, s->site.conf) == 0) {
		log_debug("%s: started %s, pid %d", s->site.vip.text, s->site.proxy,
			  (int)s->child.id.pid);
		return 1;
	}
	log_warn("%s: cannot start %s", s->site.vip.text, s->site.proxy);
	note_set(s, "cannot start %.200s", s->site.proxy);
	return 0;
}

static void
proxy_kill(struct supervisor *s)
{
	unsigned after_ms = (unsigned)(mono_ms() - s->child.started_ms);

	if (s->child.kill_sent)
		log_warnx("%s: proxy[%d] does not end, SIGKILL or not", s->site.vip.text,
			  (int)s->child.id.pid);
	else if (s->child.term_sent)
		log_warnx("%s: proxy[%d] has not ended in time: killed", s->site.vip.text,
			  (int)s->child.id.pid);
	else
		log_warnx("%s: proxy[%d] does not listen after %u ms: killed", s->site.vip.text,
			  (int)s->child.id.pid, after_ms);
	child_signal(&s->child, SIGKILL);
}

/* It has died by itself. Sets the pause before the next start. */
static void
proxy_pause(struct supervisor *s, enum custody_action action)
{
	unsigned exponent = s->failures > 8 ? 8 : s->failures;

	switch (action) {
	case CUSTODY_PAUSE:
		s->retry_ms = PAUSE_MS;
		break;
	case CUSTODY_SLOW:
		s->retry_ms = RETRY_MAX_MS;
		break;
	default:
		s->retry_ms = exponent == 0 ? 0 : (uint64_t)RETRY_FIRST_MS << (exponent - 1);
		if (s->retry_ms > RETRY_MAX_MS)
			s->retry_ms = RETRY_MAX_MS;
	}
	s->failures++;
	s->again = 1;
	s->timer_ms = mono_ms() + s->retry_ms;
}

/* Waits for the child's end, and says what it was. Returns 1 with *event set, or 0. */
static int
proxy_reap(struct supervisor *s, enum custody_event *event)
{
	char text[64];
	pid_t pid;
	int status, asked = s->child.term_sent || s->child.kill_sent;

	if (!child_reap(&s->child, &pid, &status, proxy_line, s))
		return 0;
	child_status_text(status, text, sizeof(text));
	*event = CUSTODY_PROXY_DIED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_EXIT_SUPERSEDED)
		*event = CUSTODY_PROXY_SUPERSEDED;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_EXIT_REFUSED)
		*event = CUSTODY_PROXY_REFUSED;
	if (asked) {
		log_debug("%s: proxy[%d] %s", s->site.vip.text, (int)pid, text);
		return 1;
	}
	if (s->failures < 2 || strcmp(s->said, s->child.last) != 0)
		log_warnx("%s: proxy[%d] %s", s->site.vip.text, (int)pid, text);
	memcpy(s->said, s->child.last, sizeof(s->said));
	/* Words of long ago, or before a signal, are no reason. */
	if (WIFEXITED(status) && s->child.last[0] != '\0' &&
	    mono_ms() - s->child.last_ms < WORDS_COUNT_MS)
		note_set(s, "the proxy %s: %s", text, s->child.last);
	else
		note_set(s, "the proxy %s", text);
	if (*event == CUSTODY_PROXY_DIED && s->state == CUSTODY_STARTING &&
	    port_watch_look(&s->port, &s->site.vip, s->pub.note))
		s->failures = 0;
	return 1;
}

/* ---- the table at work ---- */

/* Carries an action out. Returns 1 with *event set when an event follows from it, else 0. */
static int
act(struct supervisor *s, enum custody_action action, enum custody_event *event)
{
	uint64_t now = mono_ms();

	if (action == CUSTODY_NOTHING)
		return 0;
	if (action != CUSTODY_HASTEN)
		s->timer_ms = 0;
	switch (action) {
	case CUSTODY_UNSET:
	case CUSTODY_NOTHING:
		break;
	case CUSTODY_LOOK:
		*event = look(s);
		return 1;
	case CUSTODY_START:
		if (!proxy_start(s)) {
			*event = CUSTODY_PROXY_DIED;
			return 1;
		}
		s->timer_ms = now + START_LIMIT_MS;
		break;
	case CUSTODY_SERVED:
		log_info("%s: proxy[%d] listens, %u ms after its start", s->site.vip.text,
			 (int)s->child.id.pid, (unsigned)(now - s->child.started_ms));
		port_watch_forget(&s->port);
		if (s->failures < 2)
			s->pub.note[0] = '\0'; /* back after one mishap */
		s->timer_ms = now + TRUST_MS;
		break;
	case CUSTODY_TRUST:
		s->failures = 0;
		s->pub.note[0] = '\0';
		break;
	case CUSTODY_TERM:
		child_signal(&s->child, SIGTERM);
		s->timer_ms = now + TERM_MS;
		break;
	case CUSTODY_DRAIN:
		child_signal(&s->child, SIGTERM);
		s->timer_ms = now + DRAIN_MS;
		break;
	case CUSTODY_HASTEN:
		if (s->timer_ms > now + TERM_MS)
			s->timer_ms = now + TERM_MS;
		break;
	case CUSTODY_KILL:
		proxy_kill(s);
		s->timer_ms = now + KILL_AGAIN_MS;
		break;
	case CUSTODY_RETRY:
	case CUSTODY_PAUSE:
	case CUSTODY_SLOW:
		proxy_pause(s, action);
		break;
	case CUSTODY_FORGET:
		/* The note stays: it is why this node has lost the VIP, as likely as not. */
		port_watch_forget(&s->port);
		break;
	case CUSTODY_ORPHAN:
		s->seeks = 0;
		port_watch_forget(&s->port);
		s->timer_ms = now + ORPHAN_MS;
		break;
	case CUSTODY_SEEK:
		return seek(s, event);
	case CUSTODY_ABANDON:
		orphan_abandon(&s->site, s->pub.note);
		break;
	case CUSTODY_END:
		break;
	}
	return 0;
}

void
supervisor_happen(struct supervisor *s, enum custody_event event)
{
	for (unsigned i = 0; i < EVENTS_CHAIN_MAX; i++) {
		struct custody_step step = custody_step(s->state, event);

		state_set(s, step.next, event);
		if (!act(s, step.action, &event))
			break;
	}
	/* The VIP went, and with it what was wrong with the starts for it. */
	if (s->state == CUSTODY_IDLE || s->state == CUSTODY_ORPHANED) {
		s->failures = 0;
		s->again = 0;
	}
	publish(s);
}

void
supervisor_look(struct supervisor *s)
{
	supervisor_happen(s, look(s));
}

void
supervisor_hear(struct supervisor *s)
{
	child_read_err(&s->child, proxy_line, s);
}

void
supervisor_reap(struct supervisor *s)
{
	enum custody_event event;

	if (proxy_reap(s, &event))
		supervisor_happen(s, event);
}

void
supervisor_watched(struct supervisor *s, const struct pollfd *address, const struct pollfd *keeper,
		   const struct pollfd *port)
{
	if (address->revents != 0 && address_watch_read(&s->address))
		supervisor_look(s);
	if (keeper_watch_ended(&s->keeper, keeper->revents))
		supervisor_happen(s, CUSTODY_KEEPALIVED_GONE);
	if (port->revents != 0 && port->fd == s->port.fd) {
		port_watch_forget(&s->port);
		supervisor_happen(s, CUSTODY_NUDGE);
	}
}

void
supervisor_tick(struct supervisor *s)
{
	uint64_t now = mono_ms();

	if (s->address.again_ms != 0 && s->address.again_ms <= now)
		supervisor_look(s);
	if (s->timer_ms != 0 && s->timer_ms <= now) {
		s->timer_ms = 0;
		supervisor_happen(s, CUSTODY_TIMER);
	}
}

uint64_t
supervisor_due_ms(const struct supervisor *s)
{
	uint64_t next = keeper_watch_due_ms(&s->keeper);

	if (s->timer_ms != 0 && s->timer_ms < next)
		next = s->timer_ms;
	if (s->address.again_ms != 0 && s->address.again_ms < next)
		next = s->address.again_ms;
	return next;
}

/* ---- hooks that ask ---- */

int
supervisor_settled(const struct supervisor *s)
{
	switch (s->state) {
	case CUSTODY_IDLE:
	case CUSTODY_SERVING:
	case CUSTODY_ORPHANED:
		return s->address.again_ms == 0;
	case CUSTODY_WAITING:
		return s->retry_ms > 0;
	default:
		return 0;
	}
}

void
supervisor_answer(const struct supervisor *s, int reread, char *buf, size_t size)
{
	const char *note = s->pub.note;

	switch (s->state) {
	case CUSTODY_IDLE:
		snprintf(buf, size, "ok idle: %s is not here", s->site.ip);
		break;
	case CUSTODY_SERVING:
		snprintf(buf, size, "ok serving: proxy[%d] listens", (int)s->child.id.pid);
		break;
	case CUSTODY_ORPHANED:
		snprintf(buf, size, "ok idle: keepalived is gone");
		break;
	case CUSTODY_WAITING:
		snprintf(buf, size, "bad not serving: %s", note);
		break;
	case CUSTODY_STARTING:
		snprintf(buf, size, "bad not serving yet: proxy[%d] has not said that it listens",
			 (int)s->child.id.pid);
		break;
	default:
		snprintf(buf, size, "bad %s: proxy[%d] has not ended yet",
			 custody_state_name(s->state), (int)s->child.id.pid);
	}
	if (reread && s->state == CUSTODY_SERVING)
		strncat(buf, ", and reads its configuration again", size - strlen(buf) - 1);
}

static void
order_log(const struct supervisor *s, const struct order *o)
{
	if (o->what == ARGS_HOOK)
		log_info("%s: keepalived says %s (%s %s, priority %u)", s->site.vip.text,
			 word_state_name(o->word.state), o->word.group ? "GROUP" : "INSTANCE",
			 o->word.name, o->word.priority);
	else
		log_info("%s: asked to %s", s->site.vip.text,
			 o->what == ARGS_STOP ? "stop" : "sync");
}

int
supervisor_order(struct supervisor *s, const struct order *o)
{
	int reread = 0;

	order_log(s, o);
	if (o->what == ARGS_STOP) {
		s->stopped = 1;
		supervisor_happen(s, CUSTODY_STOP);
		return 0;
	}
	/* The newest hook's configuration counts from the next start on. */
	(void)order_copy(s->site.conf, sizeof(s->site.conf), o->conf);
	(void)order_copy(s->pub.conf, sizeof(s->pub.conf), o->conf);
	(void)order_copy(s->site.proxy, sizeof(s->site.proxy), o->proxy);
	s->site.keep_vip = o->keep_vip;
	if (o->what == ARGS_HOOK) {
		s->pub.word = o->word;
		s->pub.said_s = time(NULL);
	} else {
		s->pub.note[0] = '\0'; /* whoever says sync has mended it, or hears of it again */
	}
	if (keeper_watch_offer(&s->keeper, o))
		supervisor_happen(s, CUSTODY_KEEPALIVED_BACK);
	supervisor_look(s);
	if (o->what == ARGS_SYNC) {
		if (rundir_clear_hold(s->dir, s->site.key))
			log_info("%s: ended the check's hold-down", s->site.vip.text);
		/* One that is about to be started reads it anyway. */
		if (s->state == CUSTODY_SERVING) {
			child_signal(&s->child, SIGHUP);
			reread = 1;
		}
		supervisor_happen(s, CUSTODY_NUDGE);
	}
	if (order_deletes(o))
		supervisor_happen(s, CUSTODY_DELETED);
	return reread;
}

/* ---- birth and end ---- */

int
supervisor_begin(struct supervisor *s, const struct site *site, const struct state *was, int dir,
		 const struct ident *keepalived)
{
	memset(s, 0, sizeof(*s));
	s->site = *site;
	if (address_watch_open(&s->address, &s->site.vip) == -1)
		return -1;
	child_init(&s->child);
	keeper_watch_init(&s->keeper, s->site.vip.text);
	port_watch_init(&s->port);
	s->state = CUSTODY_IDLE;
	s->since_ms = mono_ms();
	s->dir = dir;
	s->pub = *was;
	memset(&s->pub.proxy, 0, sizeof(s->pub.proxy));
	(void)order_copy(s->pub.listen, sizeof(s->pub.listen), site->vip.text);
	(void)order_copy(s->pub.conf, sizeof(s->pub.conf), site->conf);
	snprintf(s->pub.phase, sizeof(s->pub.phase), "%s", custody_state_name(s->state));
	s->pub.note[0] = '\0';
	s->pub.since_s = time(NULL);
	s->pub.restarts = 0;
	(void)ident_of(getpid(), &s->pub.custodian);
	(void)keeper_watch_adopt(&s->keeper, keepalived);
	return 0;
}

void
supervisor_end(struct supervisor *s)
{
	if (s->stopped)
		snprintf(s->pub.phase, sizeof(s->pub.phase), "%s", STATE_STOPPED);
	memset(&s->pub.custodian, 0, sizeof(s->pub.custodian));
	publish(s);
}
