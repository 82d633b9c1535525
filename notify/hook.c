/* hook: brings one custody in line with the truth. See hook.h. */
#include "hook.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "custodian.h"
#include "holder.h"
#include "keeper.h"
#include "log.h"
#include "mono.h"
#include "proc.h"
#include "state.h"
#include "vip.h"

#define HOOK_MS	      8000 /* the whole hook, at the very worst */
#define TRY_MS	      5	   /* between two looks at a lock that somebody has for a moment */
#define HEARD_MS      3000 /* a custodian that does not even hear by then is as good as frozen */
#define HEARD_STEP_MS 50   /* how soon one that was stopped (SIGSTOP) is found out */
#define ANSWER_MS     4000 /* it promises an answer within 2500 */
#define END_MS	      100  /* from SIGTERM to SIGKILL for a proxy without custodian */
#define KILLED_MS     1000
#define LOST_MS	      1500 /* for a custodian to drain its proxy and end */
#define PORT_MS	      200  /* a port that its process has just let go is given so long */
#define STARTS_MAX    2
#define CHILDREN_MAX  8

/* One run: what it knows and works with. */
struct run {
	const struct site *site;
	struct order order;
	int dir;
	unsigned starts; /* custodians that this run has started */
	uint64_t deadline_ms;
	char *text;
	size_t text_size;
};

static int say(struct run *r, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int
say(struct run *r, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->text, r->text_size, fmt, ap);
	va_end(ap);
	return rc;
}

static void
pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* ---- ending what has lost its custodian ---- */

/* Ends a proxy that nobody looks after any more. */
static void
end_proxy(const struct run *r, const struct ident *proxy)
{
	if (!ident_alive(proxy))
		return;
	log_warnx("%s: proxy[%d] has no custodian: ending it", r->site->vip.text, (int)proxy->pid);
	if (ident_signal(proxy, SIGTERM) == -1 || ident_wait(proxy, END_MS))
		return;
	(void)ident_signal(proxy, SIGKILL);
	if (!ident_wait(proxy, KILLED_MS))
		log_warnx("%s: proxy[%d] does not end, SIGKILL or not", r->site->vip.text,
			  (int)proxy->pid);
}

struct children {
	pid_t parent;
	struct ident child[CHILDREN_MAX];
	unsigned n;
};

static int
children_look(pid_t pid, void *arg)
{
	struct children *s = arg;
	struct proc_info p;

	if (proc_read(pid, &p) == 0 && p.ppid == s->parent && s->n < CHILDREN_MAX)
		s->child[s->n++] = (struct ident){pid, p.start_ticks};
	return 0;
}

/* Ends a custodian and its proxy. term_ms: its time to end by itself; 0: it cannot, it is frozen. */
static void
end_custodian(const struct run *r, const struct ident *custodian, int term_ms)
{
	struct children s = {custodian->pid, {{0, 0}}, 0};

	if (!ident_alive(custodian))
		return;
	log_warnx("%s: custodian[%d] %s: ending it and its proxy", r->site->vip.text,
		  (int)custodian->pid, term_ms > 0 ? "has lost its lock" : "is frozen");
	(void)proc_each(children_look, &s);
	if (term_ms > 0)
		(void)ident_signal(custodian, SIGTERM);
	if (!ident_wait(custodian, term_ms) && ident_signal(custodian, SIGKILL) == 0)
		(void)ident_wait(custodian, KILLED_MS);
	for (unsigned i = 0; i < s.n; i++)
		end_proxy(r, &s.child[i]);
}

/* Is that process this program too? By its file; where that was replaced, by its name. */
static int
same_program(pid_t pid)
{
	struct stat mine, theirs;
	struct proc_info p, me;
	char path[32];

	if (pid <= 1)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat("/proc/self/exe", &mine) == 0 && stat(path, &theirs) == 0 &&
	    mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino)
		return 1;
	return proc_read(pid, &p) == 0 && proc_read(getpid(), &me) == 0 &&
	       strcmp(p.comm, me.comm) == 0;
}

/*
 * The lock is free and no state file tells of anybody, yet there may be a custodian: somebody has
 * taken the run directory away under it. A new one would contend with it for the port.
 */
static void
end_lost(const struct run *r)
{
	struct ident parent;
	struct proc_info p;
	struct holder h;

	if (holder_find(&r->site->vip, &h) == 1 && !h.wild && holder_name(&h) &&
	    proc_read(h.pid, &p) == 0 && same_program(p.ppid) && ident_of(p.ppid, &parent) == 0)
		end_custodian(r, &parent, LOST_MS);
}

/* ---- with a custodian ---- */

/*
 * Waits until the custodian at the other end says that it hears. Returns 1, 0 when the connection
 * was closed, or -1 when it is frozen.
 */
static int
await_heard(int fd, pid_t peer)
{
	char buf[CTL_ANSWER_MAX];
	struct proc_info p;
	uint64_t by_ms = mono_ms() + HEARD_MS;

	do {
		ssize_t n = ctl_wait(fd, buf, sizeof(buf), HEARD_STEP_MS);

		if (n > 0)
			return 1;
		if (n == 0 || errno != ETIMEDOUT)
			return 0;
		if (proc_read(peer, &p) == 0 && p.state == 'T')
			return -1;
	} while (mono_ms() < by_ms);
	return -1;
}

/*
 * Puts the order to the custodian. Returns its verdict, 0 or 1, with r->text set, or -1 when there
 * is none any more.
 */
static int
ask(struct run *r, int fd)
{
	char text[ORDER_TEXT_MAX], got[CTL_ANSWER_MAX];
	pid_t peer = ctl_peer(fd);
	struct ident custodian;
	ssize_t n;

	(void)ident_of(peer, &custodian); /* now, while its socket proves that it lives */
	if (order_format(&r->order, text, sizeof(text)) == -1)
		return say(r, 1, "paths too long to be told to the custodian");
	if (ctl_send(fd, text) == -1)
		return -1;
	switch (await_heard(fd, peer)) {
	case 0:
		return -1;
	case -1:
		if (!same_program(peer))
			return say(r, 1, "custodian[%d] gives no answer", (int)peer);
		end_custodian(r, &custodian, 0);
		return -1;
	}
	n = ctl_wait(fd, got, sizeof(got), ANSWER_MS);
	if (n == -1 && errno == ETIMEDOUT) {
		/* It heard, so it was well then; the next hook will find out. */
		return say(r, 1, "custodian[%d] gives no answer", (int)peer);
	}
	if (n <= 0)
		return -1;
	if (strncmp(got, "ok ", 3) == 0)
		return say(r, 0, "%s", got + 3);
	return say(r, 1, "%s", strncmp(got, "bad ", 4) == 0 ? got + 4 : got);
}

/* ---- without one ---- */

/* What keepalived said is kept for status, also where nothing has to be done. */
static void
remember(const struct run *r, struct state *st, const char *phase)
{
	(void)order_copy(st->listen, sizeof(st->listen), r->site->vip.text);
	(void)order_copy(st->conf, sizeof(st->conf), r->site->conf);
	if (r->order.what == ARGS_HOOK) {
		st->word = r->order.word;
		st->said_s = time(NULL);
	}
	if (strcmp(st->phase, phase) != 0)
		st->since_s = time(NULL);
	(void)order_copy(st->phase, sizeof(st->phase), phase);
	st->note[0] = '\0';
	st->keepalived = r->order.keepalived;
	memset(&st->custodian, 0, sizeof(st->custodian));
	memset(&st->proxy, 0, sizeof(st->proxy));
	if (state_write(r->dir, r->site->key, st) == -1)
		log_warn("%s: cannot write the state file: memvip-notify status shows what was",
			 r->site->vip.text);
}

/*
 * The lock is ours: no custodian lives. Returns 0 or 1 with r->text set, or -1 when a custodian
 * was started, to be asked now.
 */
static int
alone(struct run *r, int lock_fd)
{
	int ending = r->order.what == ARGS_HOOK &&
		     (r->order.word.state == WORD_STOP || r->order.word.state == WORD_DELETED);
	enum vip_state vip;
	struct state st;

	if (state_read(r->dir, r->site->key, &st) == -1) {
		if (errno != ENOENT && errno != ESTALE)
			log_warn("%s: the state file is of no use", r->site->vip.text);
		end_lost(r);
	}
	end_custodian(r, &st.custodian, LOST_MS); /* it has lost its lock, if it lives */
	end_proxy(r, &st.proxy);

	if (r->order.what == ARGS_STOP) {
		remember(r, &st, STATE_STOPPED);
		return say(r, 0, "stopped, until the next hook or sync");
	}
	if (r->order.what == ARGS_SYNC)
		(void)rundir_clear_hold(r->dir, r->site->key);
	vip = vip_query(&r->site->vip, NULL, VIP_QUERY_MS);
	if (vip == VIP_UNKNOWN)
		log_warn("%s: cannot ask the kernel for the VIP", r->site->vip.text);
	if (r->order.keepalived.pid == 0) {
		remember(r, &st, "idle");
		if (vip != VIP_HERE)
			return say(r, 0, "idle: no keepalived runs in this network namespace");
		return say(r, 1,
			   "not serving: %s is here, but no keepalived runs in this network "
			   "namespace",
			   r->site->ip);
	}
	if (vip == VIP_ABSENT && ending) {
		remember(r, &st, "idle");
		return say(r, 0, "idle: %s is not here", r->site->ip);
	}
	if (r->starts++ == STARTS_MAX)
		return say(r, 1, "the custodian does not stay: see the log");
	if (r->order.what == ARGS_HOOK) {
		st.word = r->order.word;
		st.said_s = time(NULL);
	}
	if (custodian_start(r->site, &r->order, &st, r->dir, lock_fd) == -1)
		return say(r, 1, "cannot start the custodian: %s", strerror(errno));
	return -1;
}

/* Without the VIP nobody should listen on it here: does somebody? Names who. */
static int
port_closed(struct run *r)
{
	struct holder h;
	uint64_t by_ms = mono_ms() + PORT_MS;

	/* Looking who listens takes the kernel milliseconds; a hook that has brought the VIP is in haste. */
	while (vip_query(&r->site->vip, NULL, VIP_QUERY_MS) == VIP_ABSENT &&
	       holder_find(&r->site->vip, &h) == 1 && !h.wild) {
		if (mono_ms() < by_ms) {
			pause_ms(TRY_MS);
			continue;
		}
		if (!holder_name(&h))
			say(r, 1, "%s is held by an unknown process of uid %u, without the VIP",
			    r->site->vip.text, h.uid);
		else
			say(r, 1, "%s is held by %s[%d], without the VIP", r->site->vip.text,
			    h.comm, (int)h.pid);
		return 0;
	}
	return 1;
}

static int
reconcile(struct run *r)
{
	while (mono_ms() < r->deadline_ms) {
		int fd, rc, lock_fd = rundir_lock(r->dir, r->site->key);

		if (lock_fd != -1) {
			rc = alone(r, lock_fd);
			close(lock_fd);
			if (rc != -1)
				return rc;
		} else if (errno != EWOULDBLOCK) {
			return say(
			    r, 1, "%s: the custody's lock: %s%s", r->site->run_dir, strerror(errno),
			    errno == EACCES ? ": memvip-notify needs root (script_user root)" : "");
		}
		/* Whoever has the lock is a custodian, or a hook like this one for a moment. */
		if ((fd = ctl_connect(r->dir, r->site->key)) != -1) {
			rc = ask(r, fd);
			close(fd);
			if (rc != -1)
				return rc;
		}
		pause_ms(TRY_MS);
	}
	return say(r, 1, "no custodian could be reached in %d s", HOOK_MS / 1000);
}

static int
run_order(const struct site *site, enum args_what what, const struct word *word, int dir,
	  char *text, size_t text_size)
{
	struct run r;

	memset(&r, 0, sizeof(r));
	r.site = site;
	r.dir = dir;
	r.text = text;
	r.text_size = text_size;
	r.deadline_ms = mono_ms() + HOOK_MS;
	r.order.what = what;
	if (word != NULL)
		r.order.word = *word;
	(void)order_copy(r.order.conf, sizeof(r.order.conf), site->conf);
	(void)order_copy(r.order.proxy, sizeof(r.order.proxy), site->proxy);
	r.order.keep_vip = site->keep_vip;
	if (keeper_find(&r.order.keepalived, &r.order.by_ancestry) == -1)
		log_warn("%s: cannot look for keepalived", site->vip.text);
	return reconcile(&r) == 0 && port_closed(&r) ? 0 : 1;
}

struct moved {
	const struct site *site;
	int dir;
};

/*
 * Is this custody by the same file, but for an address or port that the file no longer names? Then
 * it ends: two proxies would contend for the servers.
 */
static void
retire_moved(const char *key, void *arg)
{
	const struct moved *m = arg;
	char text[SITE_ERR_MAX];
	const char *why;
	struct site old = *m->site;
	struct state st;

	if (strcmp(key, old.key) == 0 || state_read(m->dir, key, &st) == -1 ||
	    strcmp(st.conf, old.conf) != 0 ||
	    addr_parse(&old.vip, st.listen, 0, ADDR_NUMERIC, &why) == -1)
		return;
	addr_ip(&old.vip, old.ip, sizeof(old.ip));
	rundir_key(old.key, &old.vip);
	log_info("%s: no longer in %s, which has %s now: ending its custody", old.vip.text,
		 old.conf, m->site->vip.text);
	if (run_order(&old, ARGS_STOP, NULL, m->dir, text, sizeof(text)) != 0)
		log_warnx("%s: %s", old.vip.text, text);
	else
		state_remove(m->dir, old.key);
}

int
hook_run(const struct site *site, enum args_what what, const struct word *word, char *text,
	 size_t text_size)
{
	struct moved m = {site, -1};
	int rc;

	if ((m.dir = rundir_open(site->run_dir, 1, text, text_size)) == -1)
		return 1;
	if (rundir_each(m.dir, retire_moved, &m) == -1)
		log_warn("%s", site->run_dir);
	rc = run_order(site, what, word, m.dir, text, text_size);
	close(m.dir);
	return rc;
}
