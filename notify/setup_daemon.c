/* setup_daemon: keepalived itself. See setup_daemon.h. */
#include "setup_daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "file.h"
#include "keepalived.h"
#include "tool.h"

#define KEEPALIVED_CONF "/etc/keepalived/keepalived.conf"
#define RUN_MS		5000
#define LINES_MAX	6 /* of what keepalived says about its configuration */

static const char subject[] = "keepalived";

/* "Keepalived v2.2.7 (01/16,2022)" */
static int
version_read(const char *text)
{
	const char *at = strstr(text, "Keepalived v");
	unsigned major, minor, patch = 0;

	if (at == NULL || sscanf(at, "Keepalived v%u.%u.%u", &major, &minor, &patch) < 2 ||
	    major > 99 || minor > 99 || patch > 99)
		return 0;
	return (int)SETUP_VERSION(major, minor, patch);
}

static void
version_judge(struct setup *s, const char *line)
{
	int v = s->keepalived_version;
	struct findings *f = &s->f;

	if (v == 0) {
		finding(f, VERDICT_WARNING, subject, "says an unknown version: %s", line);
		finding_do(f, "memvip is tried with 2.2.7");
	} else if (v < SETUP_VERSION(2, 0, 0)) {
		finding(f, VERDICT_WARNING, subject,
			"%d.%d.%d is older than what memvip is made for", v / 10000, v / 100 % 100,
			v % 100);
		finding_do(f, "use 2.0 or newer; memvip is tried with 2.2.7");
	} else {
		/* What these bugs are: the leaked descriptors are closed by the hook; the second run
		 * of a check does no harm while the first ends by itself (setup_instance looks). */
		finding(f, VERDICT_OK, subject, "version %d.%d.%d%s", v / 10000, v / 100 % 100,
			v % 100,
			v < SETUP_VERSION(2, 3, 3)
			    ? "; two bugs of it, mended in 2.3.3 and 2.3.4, are worked around"
			: v < SETUP_VERSION(2, 3, 4)
			    ? "; a bug of it, mended in 2.3.4, is worked around"
			    : "");
	}
}

static void
version_ask(struct setup *s)
{
	static const char *const ask[] = {"keepalived", "--version", NULL};
	struct tool t;
	char line[256];

	if (tool_run(&t, ask, RUN_MS) == -1) {
		finding(&s->f, VERDICT_FAILED, subject, "cannot be asked for its version: %s",
			errno == ENOENT ? "no such program" : strerror(errno));
		finding_do(&s->f, "apt-get install keepalived, or dnf install keepalived");
	} else {
		tool_line(&t, line, sizeof(line));
		s->keepalived_version = version_read(t.text != NULL ? t.text : "");
		version_judge(s, line);
	}
	tool_free(&t);
}

/* ---- how it was started ---- */

/*
 * The value of an option in a command line of NUL-ended words: "-f FILE", "-fFILE", "--use-file FILE",
 * "--use-file=FILE". NULL: it is not there.
 */
static const char *
option_value(const char *words, size_t len, char letter, const char *name)
{
	size_t name_n = strlen(name);

	for (const char *p = words, *next; p < words + len; p = next) {
		next = p + strlen(p) + 1;
		if (p[0] == '-' && p[1] == letter)
			return p[2] != '\0' ? p + 2 : next < words + len ? next : NULL;
		if (strncmp(p, "--", 2) == 0 && strncmp(p + 2, name, name_n) == 0) {
			if (p[2 + name_n] == '=')
				return p + 3 + name_n;
			if (p[2 + name_n] == '\0')
				return next < words + len ? next : NULL;
		}
	}
	return NULL;
}

/* Which configuration does it read, and under which id? As it was started, or by default. */
static void
started_how(struct setup *s, const char *conf)
{
	char path[64], words[4096];
	struct utsname u;
	const char *file = NULL, *id = NULL;
	ssize_t n = -1;

	if (s->keepalived != 0) {
		snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)s->keepalived);
		n = file_read(-1, path, words, sizeof(words));
	}
	if (n > 0) {
		file = option_value(words, (size_t)n, 'f', "use-file");
		id = option_value(words, (size_t)n, 'i', "config-id");
	}
	snprintf(s->keepalived_conf, sizeof(s->keepalived_conf), "%s",
		 conf != NULL	? conf
		 : file != NULL ? file
				: KEEPALIVED_CONF);
	if (id != NULL)
		snprintf(s->keepalived_id, sizeof(s->keepalived_id), "%s", id);
	else if (uname(&u) == 0)
		snprintf(s->keepalived_id, sizeof(s->keepalived_id), "%.*s",
			 (int)strcspn(u.nodename, "."), u.nodename);
}

static void
runs(struct setup *s)
{
	switch (keepalived_find(&s->keepalived)) {
	case 1:
		finding(&s->f, VERDICT_OK, subject, "runs, process %d", (int)s->keepalived);
		break;
	case 0:
		s->keepalived = 0;
		finding(&s->f, VERDICT_WARNING, subject, "does not run here");
		finding_do(&s->f,
			   "when nothing below has failed: systemctl enable --now keepalived");
		break;
	default:
		s->keepalived = 0;
		finding(&s->f, VERDICT_WARNING, subject, "whether it runs cannot be seen: %s",
			strerror(errno));
		finding_do(&s->f, "run this as root");
	}
}

/* ---- its configuration, as it judges it ---- */

/* Says each line that it wrote, as far as it goes. */
static void
lines_say(struct setup *s, enum verdict v, const struct tool *t)
{
	const char *p = t->text != NULL ? t->text : "";

	for (unsigned i = 0; i < LINES_MAX && *(p += strspn(p, "\r\n")) != '\0'; i++) {
		size_t n = strcspn(p, "\r\n");

		finding(&s->f, v, subject, "%.*s", (int)n, p);
		p += n;
	}
}

static void
conf_ask(struct setup *s)
{
	const char *const ask[] = {
	    "keepalived",  "--config-test",  "--use-file", s->keepalived_conf,
	    "--config-id", s->keepalived_id, NULL};
	struct tool t;
	char line[256];

	if (tool_run(&t, ask, RUN_MS) == -1 || t.status == -1) {
		/* Killed by itself: 2.2.7 does so when script_user has no privileges. */
		finding(&s->f, VERDICT_WARNING, subject,
			"did not say what it thinks of its configuration");
		finding_do(&s->f, "keepalived --config-test --use-file %s", s->keepalived_conf);
		tool_free(&t);
		return;
	}
	tool_line(&t, line, sizeof(line));
	if (strstr(line, "unrecognized option") != NULL || strstr(line, "invalid option") != NULL) {
		finding(&s->f, VERDICT_OK, subject, "is too old to test its configuration itself");
	} else if (t.status != 0 || line[0] != '\0') {
		enum verdict v = t.status != 0 ? VERDICT_FAILED : VERDICT_WARNING;

		if (line[0] != '\0')
			lines_say(s, v, &t);
		else
			finding(&s->f, v, subject, "refuses its configuration, exit status %d",
				t.status);
		finding_do(&s->f, "mend %s; try it with keepalived --config-test",
			   s->keepalived_conf);
	} else {
		finding(&s->f, VERDICT_OK, subject, "accepts %s", s->keepalived_conf);
	}
	tool_free(&t);
}

static void
conf_take(struct setup *s)
{
	if (kconf_read(&s->k, s->keepalived_conf, s->keepalived_id) == 0) {
		s->k_read = 1;
		kglobal_read(&s->global, &s->k);
		if (s->k.beyond == NULL)
			return;
		finding(&s->f, VERDICT_WARNING, subject,
			"%s uses %s, which is not followed here: what is said below may lack it",
			s->keepalived_conf, s->k.beyond);
		finding_do(&s->f, "read that part by yourself");
		return;
	}
	finding(&s->f, VERDICT_FAILED, subject, "its configuration: %s", s->k.err);
	if (access(s->keepalived_conf, F_OK) == -1)
		finding_do(&s->f, "copy a sample: see INSTALL, or memvip(7)");
	else
		finding_do(&s->f, "mend it, or name another file: check-setup --keepalived FILE");
	/* A part of it would only mislead. */
	kconf_free(&s->k);
}

void
setup_daemon(struct setup *s, const char *conf)
{
	version_ask(s);
	runs(s);
	started_how(s, conf);
	conf_take(s);
	/* Not by others than root: it would judge what others may see and run. */
	if (s->k_read && s->keepalived_version != 0 && geteuid() == 0)
		conf_ask(s);
}
