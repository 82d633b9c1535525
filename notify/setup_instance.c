/* setup_instance: what keepalived's configuration says about one instance. See setup_instance.h. */
#include "setup_instance.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secure.h"

#define HOOK  "memvip-notify"
#define CHECK "memvip-vip-check"

/* The user that scripts run as where none is named (keepalived.conf(5), script_user). */
#define DEFAULT_USER "keepalived_script"

/* "/etc/keepalived/keepalived.conf:31" */
static const char *
place(const struct kline *l, char *buf, size_t size)
{
	snprintf(buf, size, "%.200s:%u", l->file, l->line);
	return buf;
}

/* Where this program, or one beside it, is. */
static void
beside(const char *name, char *buf, size_t size)
{
	char exe[SETUP_PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	exe[n > 0 ? n : 0] = '\0';
	if ((slash = strrchr(exe, '/')) != NULL)
		*slash = '\0';
	snprintf(buf, size, "%.900s/%s", exe, name);
}

/* ---- security ---- */

/* The user that it runs as; says what is wrong when that cannot be. NULL: keepalived leaves it out. */
static const char *
user_of(struct setup *s, const char *subject, const struct kcommand *c)
{
	const char *user = kcommand_user(c, &s->global);

	if (user != NULL)
		return user;
	if (getpwnam(DEFAULT_USER) != NULL)
		return DEFAULT_USER;
	if (!s->global.script_security)
		return "root";
	finding(&s->f, VERDICT_FAILED, subject,
		"no script_user is named, and there is no user " DEFAULT_USER
		": keepalived leaves it out");
	finding_do(&s->f, "script_user root in global_defs of %s", s->keepalived_conf);
	return NULL;
}

/* May keepalived run it as root? Returns 1 when there is nothing wrong that was said. */
static int
program_judge(struct setup *s, const char *subject, const struct kcommand *c, const char *missing)
{
	char at[256], label[256];
	struct findings *f = &s->f;
	const char *path = c->argv[0];
	struct secure_flaw flaw;

	if (path[0] != '/') {
		finding(f, VERDICT_WARNING, subject, "%s: %s is not a whole path",
			place(c->at, at, sizeof(at)), path);
		finding_do(f, "write its path from / on");
		return 0;
	}
	if (access(path, F_OK) == -1) {
		finding(f, VERDICT_FAILED, subject, "%s: %s: %s%s", place(c->at, at, sizeof(at)),
			path, strerror(errno), missing);
		finding_do(f, "install it there, or correct the path");
		return 0;
	}
	if (secure_program(path, &flaw) == -1) {
		finding(f, s->global.script_security ? VERDICT_FAILED : VERDICT_WARNING, subject,
			"%s%s", flaw.what,
			s->global.script_security ? ": keepalived will not run it" : "");
		finding_do(f, "%s",
			   flaw.todo[0] != '\0' ? flaw.todo : "give its path to root alone");
		return 0;
	}
	if (secure_selinux_denies(path, label, sizeof(label))) {
		finding(f, VERDICT_WARNING, subject,
			"SELinux is enforcing, and %s has the label %s: it may be denied what it "
			"has to do",
			path, label);
		finding_do(f, "install to /usr/libexec/keepalived, then restorecon -R "
			      "/usr/libexec/keepalived");
		return 0;
	}
	return 1;
}

/* ---- the hook ---- */

/* The file that a hook of this instance reads. Returns 0, or -1 with a line in err. */
static int
hook_file(const struct kcommand *c, const char *name, char path[ORDER_PATH_MAX], char *err,
	  size_t size)
{
	struct site_options o = {c->argc, (char **)(const void *)c->argv};
	int rc = site_find(path, &o, name, err, size);

	if (rc == 1)
		snprintf(err, size, "%.512s: %s", path, strerror(ENOENT));
	return rc == 0 ? 0 : -1;
}

/* The same for a check, which knows of no instance. path "": its command line names this VIP itself. */
static int
check_file(const struct kcommand *c, const struct addr *vip, char path[ORDER_PATH_MAX], char *err,
	   size_t size)
{
	struct conf conf;
	struct addr own;
	int rc = 0;

	conf_init(&conf);
	path[0] = '\0';
	if (conf_args(&conf, CONF_CHECK, c->argc, (char **)(const void *)c->argv) == -1) {
		snprintf(err, size, "%s", conf.err);
		rc = -1;
	} else if (conf.listen == NULL || conf_vip(&conf, &own) == -1 || !addr_equal(&own, vip)) {
		rc = order_copy(path, ORDER_PATH_MAX,
				conf.file != NULL ? conf.file : CONF_FILE_DEFAULT);
	}
	conf_free(&conf);
	return rc;
}

static int
same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* Does it read the file that this is about? Says so if not. name: the instance's; NULL: a check. */
static int
reads_file(struct setup *s, const char *subject, const struct kcommand *c, const char *name,
	   const struct setup_site *x)
{
	char path[ORDER_PATH_MAX], err[SITE_ERR_MAX], at[256];
	int rc = name != NULL ? hook_file(c, name, path, err, sizeof(err))
			      : check_file(c, &x->site.vip, path, err, sizeof(err));

	if (rc == -1) {
		finding(&s->f, VERDICT_FAILED, subject, "%s: it has no configuration: %s",
			place(c->at, at, sizeof(at)), err);
		finding_do(&s->f, "give it %s: -c %s", c->argv[0], x->site.conf);
		return 0;
	}
	if (path[0] == '\0' || same_file(path, x->site.conf))
		return 1;
	finding(&s->f, VERDICT_FAILED, subject, "%s: it reads %s, not %s",
		place(c->at, at, sizeof(at)), path, x->site.conf);
	finding_do(&s->f, "give it the file: \"%s -c %s\"", c->argv[0], x->site.conf);
	return 0;
}

static void
hook_judge(struct setup *s, const struct setup_site *x)
{
	const struct kvrrp *v = x->v;
	const struct kcommand *c = &v->notify;
	char at[256], path[SETUP_PATH_MAX];
	const char *user;

	beside(HOOK, path, sizeof(path));
	if (c->argc == 0 || !kcommand_is(c, HOOK)) {
		finding(&s->f, VERDICT_FAILED, "hook",
			"%s: instance %s: %s%s: nothing starts or ends the proxy",
			place(c->argc == 0 ? v->at : c->at, at, sizeof(at)), v->name,
			c->argc == 0 ? "no notify" : "notify is not " HOOK " but ",
			c->argc == 0 ? "" : c->argv[0]);
		finding_do(&s->f, "notify \"%s\" in the instance", path);
		return;
	}
	if (!program_judge(s, "hook", c, ": nothing starts or ends the proxy") ||
	    (user = user_of(s, "hook", c)) == NULL || !reads_file(s, "hook", c, v->name, x))
		return;
	if (strcmp(user, "root") != 0 && strcmp(user, "0") != 0) {
		finding(&s->f, VERDICT_FAILED, "hook", "it runs as %s; it needs root", user);
		finding_do(&s->f, "script_user root in global_defs, or notify \"%s\" root",
			   c->argv[0]);
	} else if (!same_file(c->argv[0], "/proc/self/exe")) {
		finding(&s->f, VERDICT_WARNING, "hook",
			"%s: %s is another " HOOK " than this one, %s",
			place(c->at, at, sizeof(at)), c->argv[0], path);
		finding_do(&s->f, "name the one that you mean to run");
	} else {
		finding(&s->f, VERDICT_OK, "hook", "%s%s runs %s, as root",
			v->by_group ? "group " : "instance ", v->by_group ? v->group : v->name,
			c->argv[0]);
	}
}

/* ---- the check ---- */

/* The check's operand: "service" when none is given, or when its command line is wrong. */
static const char *
mode_of(const struct kcommand *c)
{
	struct conf conf;
	const char *mode = "service";
	int first;

	conf_init(&conf);
	first = conf_args(&conf, CONF_CHECK, c->argc, (char **)(const void *)c->argv);
	if (first != -1 && first < c->argc)
		mode = c->argv[first];
	conf_free(&conf);
	return mode;
}

/* The check's own deadline, by its command line and the file. */
static uint64_t
deadline_of(const struct kcommand *c, const struct setup_site *x)
{
	uint64_t ms = x->conf.check_timeout_ms;
	struct conf conf;

	conf_init(&conf);
	if (conf_args(&conf, CONF_CHECK, c->argc, (char **)(const void *)c->argv) != -1 &&
	    conf_file(&conf, CONF_CHECK, x->site.conf) == 0)
		ms = conf.check_timeout_ms;
	conf_free(&conf);
	return ms;
}

/* How it is run: what keepalived makes of its answer, how long it may take, as whom. */
static int
script_judge(struct setup *s, const struct setup_site *x, const struct kscript *k)
{
	uint64_t deadline_ms = deadline_of(&k->command, x);
	const char *user = user_of(s, "check", &k->command);
	int well = user != NULL;

	if (k->weighted) {
		finding(&s->f, VERDICT_WARNING, "check",
			"%s has a weight: a node whose proxy does not serve may keep the VIP",
			k->name);
		finding_do(&s->f, "no weight in vrrp_script %s", k->name);
		well = 0;
	}
	if (k->timeout_s * 1000 <= (double)deadline_ms) {
		finding(&s->f, VERDICT_WARNING, "check",
			"%s: timeout %g s is not longer than the check's own deadline, %g s%s",
			k->name, k->timeout_s, (double)deadline_ms / 1000,
			s->keepalived_version < SETUP_VERSION(2, 3, 3)
			    ? "; this keepalived runs the next one beside it"
			    : "");
		finding_do(&s->f, "timeout %d in vrrp_script %s", (int)(deadline_ms / 1000) + 2,
			   k->name);
		well = 0;
	}
	if (well && strcmp(user, "root") != 0 && strcmp(user, "0") != 0) {
		finding(&s->f, VERDICT_WARNING, "check",
			"%s runs as %s: a hold-down is not ended by " HOOK, k->name, user);
		finding_do(&s->f, "script_user root in global_defs");
		well = 0;
	}
	return well;
}

static void
check_judge(struct setup *s, const struct setup_site *x)
{
	const struct kvrrp *v = x->v;
	char at[256], path[SETUP_PATH_MAX];
	struct kscript k;
	int found = 0;

	for (unsigned i = 0; kvrrp_script(&k, v, &s->k, i); i++) {
		const struct kcommand *c = &k.command;

		if (!kcommand_is(c, CHECK))
			continue;
		if (strcmp(mode_of(c), "servers") == 0) {
			if (k.weighted)
				continue;
			finding(
			    &s->f, VERDICT_FAILED, "check",
			    "%s: %s: servers without a weight takes the VIP from a node that may "
			    "be the last",
			    place(c->at, at, sizeof(at)), k.name);
			finding_do(&s->f, "weight -60 in vrrp_script %s", k.name);
			continue;
		}
		if (strcmp(mode_of(c), "service") != 0)
			continue;
		found = 1;
		/* 2.2 takes a check that cannot be executed for healthy. */
		if (program_judge(s, "check", c, ": keepalived takes that for healthy") &&
		    reads_file(s, "check", c, NULL, x) && script_judge(s, x, &k))
			finding(&s->f, VERDICT_OK, "check", "%s every %g s, timeout %g s",
				c->argv[0], k.interval_s, k.timeout_s);
	}
	if (found)
		return;
	beside(CHECK, path, sizeof(path));
	finding(&s->f, VERDICT_FAILED, "check",
		"%s: instance %s tracks no script that is " CHECK
		": a node whose proxy is dead keeps the VIP",
		place(v->at, at, sizeof(at)), v->name);
	finding_do(&s->f, "a vrrp_script with %s, and track_script: see the samples", path);
}

/* ---- the rest ---- */

static void
vip_add(const struct addr *a, void *arg)
{
	char ip[INET6_ADDRSTRLEN], *buf = arg;
	size_t n = strlen(buf);

	addr_ip(a, ip, sizeof(ip));
	if (n + sizeof(ip) + 2 < SETUP_PATH_MAX)
		snprintf(buf + n, SETUP_PATH_MAX - n, "%s%s", n > 0 ? ", " : "", ip);
}

static void
vips_judge(struct setup *s, const struct setup_site *x)
{
	char vips[SETUP_PATH_MAX] = "", at[256];

	if (kvrrp_has_vip(x->v, &x->site.vip))
		return;
	kvrrp_each_vip(x->v, vip_add, vips);
	finding(&s->f, VERDICT_FAILED, "VIP", "%s: instance %s has %s, but listen in %s is %s",
		place(x->v->at, at, sizeof(at)), x->v->name, vips[0] != '\0' ? vips : "none",
		x->site.conf, x->site.ip);
	finding_do(&s->f, "make them the same");
}

static void
moves_judge(struct setup *s, const struct kvrrp *v)
{
	const struct kline *l = kvrrp_one_state_hook(v, &s->k, HOOK);
	char at[256];

	if (l != NULL) {
		finding(&s->f, VERDICT_WARNING, "hook",
			"%s: %s runs " HOOK " without saying the state", place(l, at, sizeof(at)),
			l->word[0]);
		finding_do(&s->f, "notify alone is enough: take that line out");
	}
	if (v->nopreempt && v->state_master) {
		finding(&s->f, VERDICT_WARNING, "instance",
			"%s: state MASTER: nopreempt has no effect beside it",
			place(v->at, at, sizeof(at)));
		finding_do(&s->f, "state BACKUP, on both nodes");
	} else if (!v->nopreempt && !v->preempt_delay) {
		finding(&s->f, VERDICT_WARNING, "instance",
			"%s: a node that comes back takes the VIP at once, and the clients' "
			"connections break",
			place(v->at, at, sizeof(at)));
		finding_do(&s->f, "nopreempt and state BACKUP on both nodes, or preempt_delay 60");
	}
	if (!v->garp_refresh && !s->global.garp_refresh) {
		finding(&s->f, VERDICT_WARNING, "instance",
			"%s: when two nodes that had lost each other meet again clients may ask at "
			"the wrong one for a while",
			place(v->at, at, sizeof(at)));
		finding_do(&s->f, "vrrp_garp_master_refresh 2 in global_defs");
	}
}

void
setup_instance(struct setup *s, const struct setup_site *x)
{
	hook_judge(s, x);
	check_judge(s, x);
	vips_judge(s, x);
	moves_judge(s, x->v);
	if (!s->global.script_security) {
		finding(&s->f, VERDICT_WARNING, "security",
			"enable_script_security is not in %s: keepalived would run a hook that "
			"others can change",
			s->keepalived_conf);
		finding_do(&s->f, "enable_script_security in global_defs");
	}
}
