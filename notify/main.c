/* memvip-notify: keepalived's notify hook, and the administrator's sync, status, stop and check-setup. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "args.h"
#include "checkup.h"
#include "conf.h"
#include "hook.h"
#include "log.h"
#include "num.h"
#include "site.h"
#include "status.h"
#include "title.h"

enum { EXIT_WELL = 0, EXIT_UNWELL = 1, EXIT_USAGE = 2 };

/* A socket that got the number of a closed stdout would be written to. */
static void
stdio_fill(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/*
 * keepalived before 2.3.4 lets descriptors of its own leak into its scripts; the custodian would
 * keep them open for good.
 */
static void
descriptors_close(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	const char *why;
	uint64_t fd;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL)
		if (num_parse(e->d_name, STDERR_FILENO + 1, INT32_MAX, &fd, &why) == 0 &&
		    (int)fd != dirfd(dir))
			close((int)fd);
	closedir(dir);
}

/* A hook's stderr is /dev/null, and nobody reads there. */
static enum log_dest
log_where(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return LOG_DEST_SYSLOG;
	return LOG_DEST_STDERR;
}

static void
help(void)
{
	puts("usage: memvip-notify [options] INSTANCE|GROUP NAME STATE PRIORITY   (by keepalived)\n"
	     "       memvip-notify [options] sync [NAME]      do what the truth demands now\n"
	     "       memvip-notify [options] status [--json] [NAME]\n"
	     "       memvip-notify [options] stop [NAME]      end it until the next hook or sync\n"
	     "       memvip-notify [options] check-setup [--keepalived FILE] [NAME]\n"
	     "                                                what would keep this node from "
	     "working?\n"
	     "\noptions:");
	conf_help(CONF_NOTIFY, stdout);
	puts("\nexit: 0 all is as it should be, 1 it is not, 2 usage or configuration");
}

static int
usage(const char *line)
{
	log_warnx("%s", line);
	return EXIT_USAGE;
}

static void
bad_file(const char *line, void *arg)
{
	int *rc = arg;

	*rc = usage(line);
}

/* What a person asked for is answered on stdout; a hook speaks only of what is wrong. */
static void
tell(const struct site *site, enum args_what what, int rc, const char *text)
{
	if (rc != EXIT_WELL)
		log_warnx("%s: %s", site->vip.text, text);
	else if (what == ARGS_HOOK)
		log_debug("%s: %s", site->vip.text, text);
	else
		printf("%s: %s\n", site->vip.text, text);
}

static int
run_one(const struct site *site, const struct args *a)
{
	char text[SITE_ERR_MAX];
	int rc =
	    hook_run(site, a->what, a->what == ARGS_HOOK ? &a->word : NULL, text, sizeof(text));

	tell(site, a->what, rc, text);
	return rc;
}

/* The site of this instance, or name. Returns 0, 1 when there is no file for it, or EXIT_USAGE. */
static int
load_named(struct site *site, const struct site_options *o, const char *name)
{
	char path[ORDER_PATH_MAX], err[SITE_ERR_MAX];
	int rc = site_find(path, o, name, err, sizeof(err));

	if (rc == 1)
		return 1;
	if (rc == -1 || site_load(site, o, path, err, sizeof(err)) == -1)
		return usage(err);
	return 0;
}

static int
do_status(const struct site *sites, unsigned n, int json)
{
	static struct report r;
	int rc = EXIT_WELL;

	if (json)
		printf("[");
	for (unsigned i = 0; i < n; i++) {
		report_make(&r, &sites[i]);
		if (!r.well)
			rc = EXIT_UNWELL;
		if (json && i > 0)
			puts(",");
		if (json)
			status_json(&r, stdout);
		else
			status_print(&r, stdout);
	}
	if (json)
		puts("]");
	return rc;
}

/* sync, status, stop, or a group's hook: each custody that is known, or the one that was named. */
static int
do_all(const struct site_options *o, const struct args *a)
{
	struct site *sites = calloc(SITES_MAX, sizeof(*sites));
	int rc = EXIT_WELL, bad = EXIT_WELL, one;
	unsigned n, kept = 0;

	if (sites == NULL)
		fatal("no memory");
	n = site_all(sites, SITES_MAX, o, bad_file, &bad);
	for (unsigned i = 0; i < n; i++)
		if (a->name[0] == '\0' || site_is_called(&sites[i], a->name))
			sites[kept++] = sites[i];
	if (kept == 0 && bad == EXIT_WELL) {
		if (a->name[0] != '\0')
			log_warnx("'%s': no such instance, and no file of that name", a->name);
		else
			log_warnx("nothing is configured: no file in %s names a VIP",
				  CONF_DIR_DEFAULT);
		bad = EXIT_USAGE;
	}
	if (a->what == ARGS_STATUS) {
		rc = do_status(sites, kept, a->json);
	} else {
		for (unsigned i = 0; i < kept; i++)
			if ((one = run_one(&sites[i], a)) != EXIT_WELL)
				rc = one;
	}
	free(sites);
	return bad != EXIT_WELL ? bad : rc;
}

static int
do_hook(const struct site_options *o, const struct args *a)
{
	static struct site site;
	int rc = load_named(&site, o, a->word.name);

	if (rc == 0)
		return run_one(&site, a);
	if (rc != 1)
		return rc;
	/* A group may stand for several instances, each with its own file. */
	if (a->word.group)
		return do_all(o, a);
	log_warnx("%s: neither %s/%s.conf nor %s is there", a->word.name, CONF_DIR_DEFAULT,
		  a->word.name, CONF_FILE_DEFAULT);
	return EXIT_USAGE;
}

static uint64_t
conf_port_default(void)
{
	struct conf blank;
	uint64_t port;

	conf_init(&blank);
	port = blank.port;
	conf_free(&blank);
	return port;
}

int
main(int argc, char **argv)
{
	struct site_options options = {argc, argv};
	char err[SITE_ERR_MAX];
	struct conf conf;
	struct args args;
	int operand, rc;

	stdio_fill();
	descriptors_close();
	umask(022);
	signal(SIGCHLD, SIG_DFL); /* ignored, it would take the child's status away */
	log_init("memvip-notify", log_where(), 0);
	title_init(argc, argv);

	conf_init(&conf);
	operand = conf_args(&conf, CONF_NOTIFY, argc, argv);
	if (operand == -1) {
		rc = usage(conf.err);
	} else if (conf.help) {
		help();
		rc = EXIT_WELL;
	} else if (conf.version) {
		puts("memvip-notify " VERSION);
		rc = EXIT_WELL;
	} else if (conf.listen != NULL || conf.port != conf_port_default()) {
		/* The proxy would not hear of it, and serve another address than is watched. */
		rc = usage(
		    "-l, -p: the VIP and its port are named in the file, for all three programs");
	} else if (args_parse(&args, argc - operand, argv + operand, err, sizeof(err)) == -1) {
		rc = usage(err);
	} else {
		log_set_verbose((int)conf.verbose);
		if (args.what == ARGS_CHECK_SETUP)
			rc = checkup_run(&options, args.keepalived, args.name);
		else if (args.what == ARGS_HOOK)
			rc = do_hook(&options, &args);
		else
			rc = do_all(&options, &args);
	}
	conf_free(&conf);
	return fflush(stdout) == 0 ? rc : EXIT_UNWELL;
}
