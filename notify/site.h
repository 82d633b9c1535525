/* site: the configuration of one custody, and where it is found. */
#ifndef MEMVIP_SITE_H
#define MEMVIP_SITE_H

#include <stddef.h>

#include "addr.h"
#include "order.h"
#include "rundir.h"

#define SITES_MAX    64
#define SITE_ERR_MAX 640

struct site {
	struct addr vip; /* with its port */
	char ip[INET6_ADDRSTRLEN];
	char key[RUNDIR_KEY_MAX];
	char conf[ORDER_PATH_MAX];  /* absolute */
	char proxy[ORDER_PATH_MAX]; /* absolute */
	char run_dir[ORDER_PATH_MAX];
	int keep_vip;
};

/* The command line's options, read for each file anew: they beat what it says. */
struct site_options {
	int argc;
	char **argv;
};

/*
 * Reads one file (or, with path NULL, what -c names). Returns 0, or -1 with a line in err.
 */
int site_load(struct site *s, const struct site_options *o, const char *path, char *err,
	      size_t err_size);

/*
 * The file for a name: -c FILE, else NAME.conf in the configuration directory if it is there, else
 * memvip.conf. Returns 0 with path set, 1 when only memvip.conf is left and it is not there either
 * (path names it), or -1 with a line in err (a name that cannot be a file's).
 */
int site_find(char path[ORDER_PATH_MAX], const struct site_options *o, const char *name, char *err,
	      size_t err_size);

/*
 * Every custody that is known: -c FILE alone when it was given; else those in the run directory's
 * state files, by the file that they name, and all *.conf of the configuration directory. No
 * address and port twice. A file without a listen line is not one of ours, a wrong one is told by
 * bad(line, arg) and left out. Returns how many (sites_max at most).
 */
unsigned site_all(struct site *sites, unsigned sites_max, const struct site_options *o,
		  void (*bad)(const char *line, void *arg), void *arg);

/* Is that its name? By its file's, or by what keepalived called it last. Returns 1 or 0. */
int site_is_called(const struct site *s, const char *name);

#endif
