/* site: the configuration of one custody, and where it is found. See site.h. */
#include "site.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "state.h"

#define CONF_SUFFIX ".conf"

static int
path_copy(char out[ORDER_PATH_MAX], const char *path, char *err, size_t err_size)
{
	if (order_copy(out, ORDER_PATH_MAX, path) == 0)
		return 0;
	snprintf(err, err_size, "'%.64s...': a path of more than %d bytes", path,
		 ORDER_PATH_MAX - 1);
	return -1;
}

/* The custodian's working directory is the root: it needs whole paths. */
static int
path_absolute(char out[ORDER_PATH_MAX], const char *path, char *err, size_t err_size)
{
	char *whole = realpath(path, NULL);
	int rc;

	if (whole == NULL && path[0] != '/') {
		snprintf(err, err_size, "%.512s: %s", path, strerror(errno));
		return -1;
	}
	rc = path_copy(out, whole != NULL ? whole : path, err, err_size);
	free(whole);
	return rc;
}

/*
 * The proxy to run: --proxy; else, when this program was built and not installed, the one that was
 * built with it; else the installed one.
 */
static int
proxy_find(struct site *s, const struct conf *c, char *err, size_t err_size)
{
	static const char beside[] = "/../proxy/memvip-proxy";
	char exe[ORDER_PATH_MAX + sizeof(beside)], *slash;
	struct conf blank;
	int given;
	ssize_t n;

	conf_init(&blank);
	given = strcmp(blank.proxy, c->proxy) != 0;
	conf_free(&blank);
	n = readlink("/proc/self/exe", exe, ORDER_PATH_MAX - 1);
	if (!given && n > 0) {
		exe[n] = '\0';
		if ((slash = strrchr(exe, '/')) != NULL) {
			memcpy(slash, beside, sizeof(beside));
			if (access(exe, X_OK) == 0)
				return path_absolute(s->proxy, exe, err, err_size);
		}
	}
	return path_absolute(s->proxy, c->proxy, err, err_size);
}

/* After both command line and file were read. */
static int
site_fill(struct site *s, struct conf *c, const char *path, char *err, size_t err_size)
{
	if (c->listen == NULL || strcmp(c->listen, "0.0.0.0") == 0 ||
	    strcmp(c->listen, "::") == 0) {
		snprintf(err, err_size, "%.512s: listen: must name the VIP", path);
		return -1;
	}
	if (c->port == 0) {
		snprintf(err, err_size, "%.512s: port: 0 cannot be watched", path);
		return -1;
	}
	if (conf_vip(c, &s->vip) == -1) {
		snprintf(err, err_size, "%.512s: %s", path, c->err);
		return -1;
	}
	addr_ip(&s->vip, s->ip, sizeof(s->ip));
	rundir_key(s->key, &s->vip);
	s->keep_vip = c->keep_vip;
	if (path_absolute(s->conf, path, err, err_size) == -1 ||
	    path_copy(s->run_dir, c->run_dir, err, err_size) == -1)
		return -1;
	return proxy_find(s, c, err, err_size);
}

/* Reads the options alone into *c, which conf_free() has to release. */
static int
options_read(struct conf *c, const struct site_options *o, char *err, size_t err_size)
{
	conf_init(c);
	if (conf_args(c, CONF_NOTIFY, o->argc, o->argv) == -1) {
		snprintf(err, err_size, "%s", c->err);
		return -1;
	}
	return 0;
}

int
site_load(struct site *s, const struct site_options *o, const char *path, char *err,
	  size_t err_size)
{
	struct conf c;
	int rc = -1;

	memset(s, 0, sizeof(*s));
	if (options_read(&c, o, err, err_size) == 0) {
		if (path == NULL)
			path = c.file != NULL ? c.file : CONF_FILE_DEFAULT;
		if (conf_file(&c, CONF_NOTIFY, path) == -1)
			snprintf(err, err_size, "%s", c.err);
		else
			rc = site_fill(s, &c, path, err, err_size);
	}
	conf_free(&c);
	return rc;
}

int
site_find(char path[ORDER_PATH_MAX], const struct site_options *o, const char *name, char *err,
	  size_t err_size)
{
	struct conf c;
	const char *why;
	int rc = -1;

	if (options_read(&c, o, err, err_size) == 0) {
		if (c.file != NULL) {
			rc = path_copy(path, c.file, err, err_size);
		} else if ((why = args_name_check(name)) != NULL) {
			snprintf(
			    err, err_size,
			    "'%s': the name %s, so no file can be named after it: give -c FILE",
			    name, why);
		} else {
			snprintf(path, ORDER_PATH_MAX, "%.512s/%s" CONF_SUFFIX, CONF_DIR_DEFAULT,
				 name);
			rc = 0;
			if (access(path, F_OK) == -1) {
				rc = path_copy(path, CONF_FILE_DEFAULT, err, err_size);
				if (rc == 0 && access(path, F_OK) == -1)
					rc = 1;
			}
		}
	}
	conf_free(&c);
	return rc;
}

struct gather {
	struct site *sites;
	unsigned n, max;
	const struct site_options *o;
	int dir; /* the run directory */
	void (*bad)(const char *line, void *arg);
	void *arg;
};

/* Takes the file up, unless its address is there already. */
static void
gather_file(struct gather *g, const char *path)
{
	char err[SITE_ERR_MAX];
	struct site *s = &g->sites[g->n];

	if (g->n == g->max)
		return;
	if (site_load(s, g->o, path, err, sizeof(err)) == -1) {
		g->bad(err, g->arg);
		return;
	}
	for (unsigned i = 0; i < g->n; i++)
		if (strcmp(g->sites[i].key, s->key) == 0)
			return;
	g->n++;
}

static void
gather_state(const char *key, void *arg)
{
	struct gather *g = arg;
	struct state st;

	/* Its file may have been taken away since; then it is not known any more. */
	if (state_read(g->dir, key, &st) == 0 && access(st.conf, F_OK) == 0)
		gather_file(g, st.conf);
}

/* Does this file name a VIP at all? What cannot be read counts as a yes, to be told. */
static int
names_vip(const char *path)
{
	struct conf c;
	int yes;

	conf_init(&c);
	yes = conf_file(&c, CONF_NOTIFY, path) == -1 || c.listen != NULL;
	conf_free(&c);
	return yes;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_conf(const struct dirent *e)
{
	size_t n = strlen(e->d_name), suffix = strlen(CONF_SUFFIX);

	return e->d_name[0] != '.' && n > suffix &&
	       strcmp(e->d_name + n - suffix, CONF_SUFFIX) == 0;
}

unsigned
site_all(struct site *sites, unsigned sites_max, const struct site_options *o,
	 void (*bad)(const char *line, void *arg), void *arg)
{
	struct gather g = {sites, 0, sites_max, o, -1, bad, arg};
	char err[SITE_ERR_MAX], path[ORDER_PATH_MAX];
	struct dirent **names;
	struct conf c;
	int n;

	if (options_read(&c, o, err, sizeof(err)) == -1) {
		bad(err, arg);
	} else if (c.file != NULL) {
		gather_file(&g, c.file);
	} else {
		/* For its run-dir line. What is wrong with it is told when its turn comes. */
		(void)conf_file(&c, CONF_NOTIFY, CONF_FILE_DEFAULT);
		if ((g.dir = rundir_open(c.run_dir, 0, err, sizeof(err))) != -1) {
			(void)rundir_each(g.dir, gather_state, &g);
			close(g.dir);
		}
		n = scandir(CONF_DIR_DEFAULT, &names, is_conf, by_name);
		for (int i = 0; i < n; i++) {
			snprintf(path, sizeof(path), "%.512s/%s", CONF_DIR_DEFAULT,
				 names[i]->d_name);
			if (names_vip(path))
				gather_file(&g, path);
			free(names[i]);
		}
		if (n >= 0)
			free(names);
	}
	conf_free(&c);
	return g.n;
}

int
site_is_called(const struct site *s, const char *name)
{
	const char *base = strrchr(s->conf, '/');
	size_t n = strlen(name);
	char err[SITE_ERR_MAX];
	struct state st;
	int dir, yes;

	base = base != NULL ? base + 1 : s->conf;
	if (strncmp(base, name, n) == 0 && strcmp(base + n, CONF_SUFFIX) == 0)
		return 1;
	if ((dir = rundir_open(s->run_dir, 0, err, sizeof(err))) == -1)
		return 0;
	yes = state_read(dir, s->key, &st) == 0 && st.word.state != WORD_NONE &&
	      strcmp(st.word.name, name) == 0;
	close(dir);
	return yes;
}
