/* reload: the configuration is read again. See reload.h. */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "fill.h"
#include "listener.h"
#include "log.h"
#include "options.h"
#include "req_write.h"
#include "server.h"

static struct conf *conf;
static struct farm *farm;
static int argc;
static char **argv;
static char *file; /* where the configuration is, from whatever folder */

void
reload_init(struct conf *c, struct farm *f, int n, char **words)
{
	char *cwd;

	conf = c;
	farm = f;
	argc = n;
	argv = words;
	if (conf->file == NULL || conf->file[0] == '/')
		return;
	cwd = getcwd(NULL, 0);
	if (cwd != NULL && asprintf(&file, "%s/%s", cwd, conf->file) == -1)
		file = NULL;
	free(cwd);
}

/* One line: what has changed, from what to what. Returns 0, or -1 when something may not. */
static int
reload_compare(struct conf *next, char *text, size_t size)
{
	struct conf_change ch = {.next = 0};
	size_t at = 0;

	text[0] = '\0';
	while (conf_differs(conf, next, CONF_PROXY, &ch)) {
		if (ch.fixed || ch.servers) {
			snprintf(text, size,
				 "%s: cannot change while it runs (%s -> %s), a restart takes it",
				 ch.name, ch.was, ch.is);
			return -1;
		}
		if (at < size)
			at += (size_t)snprintf(text + at, size - at, "%s%s %s -> %s",
					       at > 0 ? ", " : "", ch.name, ch.was, ch.is);
	}
	return 0;
}

/* The limits are conf's from here on. */
static void
reload_limits(void)
{
	log_set_verbose((int)conf->verbose);
	listener_limit(options_raise_files(conf, farm->n));
	client_changed();
	fill_changed();
	req_write_changed(conf);
	for (unsigned i = 0; i < farm->n; i++)
		server_limits(&farm->servers[i], conf);
}

void
reload_ask(void)
{
	struct conf next, was = *conf;
	char text[768];

	if (options_read(&next, file, argc, argv) == -1) {
		log_warnx("SIGHUP: refused, nothing has changed: %s", next.err);
	} else if (reload_compare(&next, text, sizeof(text)) == -1) {
		log_warnx("SIGHUP: refused, nothing has changed: %s", text);
	} else if (text[0] == '\0') {
		log_info("SIGHUP: the configuration is as it was");
	} else {
		*conf = next;
		next = was;
		reload_limits();
		log_info("SIGHUP: changed: %s", text);
	}
	conf_free(&next);
}
