/* setup_file: memvip.conf, and the proxy that it leads to. See setup_file.h. */
#include "setup_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "priv.h"
#include "secure.h"
#include "tool.h"

#define RUN_MS 10000 /* names of servers may be looked up */

static const char subject[] = "file";

static const char *
plural(unsigned n)
{
	return n == 1 ? "" : "s";
}

/* As the proxy judges it: exit 0, or 2 and a line on stderr. */
static void
proxy_judges(struct setup *s, const struct setup_site *x)
{
	const char *const ask[] = {x->site.proxy, "--test-config", "--config", x->site.conf, NULL};
	struct findings *f = &s->f;
	struct secure_flaw flaw;
	struct tool t;
	char line[640];

	if (tool_run(&t, ask, RUN_MS) == -1) {
		finding(f, VERDICT_FAILED, "proxy", "%s: %s", x->site.proxy, strerror(errno));
		finding_do(f, "install memvip whole, or name it: proxy PATH in %s", x->site.conf);
	} else if (t.status != 0) {
		tool_line(&t, line, sizeof(line));
		finding(f, VERDICT_FAILED, "proxy", "refuses its configuration: %s",
			line[0] != '\0' ? line : "without a word");
		finding_do(f, "mend %s; memvip.conf(5) lists the names", x->site.conf);
	} else if (secure_program(x->site.proxy, &flaw) == -1) {
		finding(f, VERDICT_WARNING, "proxy",
			"root starts it, but not root alone may replace it: %s", flaw.what);
		finding_do(f, "%s",
			   flaw.todo[0] != '\0' ? flaw.todo : "give its path to root alone");
	} else {
		finding(f, VERDICT_OK, "proxy", "%s accepts it", x->site.proxy);
	}
	tool_free(&t);
}

static void
user_exists(struct setup *s, const struct setup_site *x)
{
	struct priv_ids ids;
	const char *why;

	if (priv_lookup(&ids, x->conf.user, x->conf.group, &why) == -1) {
		finding(&s->f, VERDICT_FAILED, "user", "user %s, group %s: %s",
			x->conf.user != NULL ? x->conf.user : "-",
			x->conf.group != NULL ? x->conf.group : "-", why);
		finding_do(&s->f, "name one that is there: user nobody");
	} else if (ids.uid == 0 && geteuid() == 0) {
		finding(&s->f, VERDICT_WARNING, "user", "the proxy goes on as root");
		finding_do(&s->f, "user nobody in %s", x->site.conf);
	} else {
		finding(&s->f, VERDICT_OK, "user", "the proxy becomes uid %u", ids.uid);
	}
}

static void
run_dir_usable(struct setup *s, const struct setup_site *x)
{
	char err[SITE_ERR_MAX];
	int dir;

	if (access(x->site.run_dir, F_OK) == -1 && errno == ENOENT)
		return; /* the first hook makes it */
	if ((dir = rundir_open(x->site.run_dir, 0, err, sizeof(err))) != -1) {
		close(dir);
		return;
	}
	finding(&s->f, VERDICT_FAILED, "run-dir", "%s", err);
	finding_do(&s->f, "chown root %s && chmod 755 %s", x->site.run_dir, x->site.run_dir);
}

void
setup_file(struct setup *s, const struct setup_site *x)
{
	unsigned servers = x->conf.servers.n, backups = x->conf.backups.n;
	struct secure_flaw flaw;

	if (secure_path(x->site.conf, &flaw) == -1) {
		finding(&s->f, VERDICT_WARNING, subject,
			"it says what root runs, but not root alone may change it: %s", flaw.what);
		finding_do(&s->f, "%s", flaw.todo[0] != '\0' ? flaw.todo : "give it to root alone");
	} else if (backups == 0) {
		finding(&s->f, VERDICT_WARNING, subject,
			"%s: no backup: one copy of each item, which is lost with its server",
			x->site.conf);
		finding_do(&s->f, "backup HOST:11211, the memcached of the other node");
	} else {
		finding(&s->f, VERDICT_OK, subject, "%s: %u primary server%s, %u backup%s",
			x->site.conf, servers, plural(servers), backups, plural(backups));
	}
	proxy_judges(s, x);
	user_exists(s, x);
	run_dir_usable(s, x);
}
