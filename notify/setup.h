/*
 * setup: what the rooms of check-setup share (setup_*.c, one for each kind of question; checkup.c asks
 * them in order). They only look: nothing on the machine is changed.
 */
#ifndef MEMVIP_SETUP_H
#define MEMVIP_SETUP_H

#include <sys/types.h>

#include "conf.h"
#include "finding.h"
#include "kconf.h"
#include "kvrrp.h"
#include "site.h"

#define SETUP_PATH_MAX 1024

/* keepalived's version as one number: 2.2.7 is 20207. */
#define SETUP_VERSION(major, minor, patch) ((major)*10000 + (minor)*100 + (patch))

struct setup {
	struct findings f;
	/* keepalived, as setup_daemon() found it. */
	int keepalived_version;		      /* SETUP_VERSION(); 0: not known */
	pid_t keepalived;		      /* its main process; 0: none runs here */
	char keepalived_conf[SETUP_PATH_MAX]; /* its configuration */
	char keepalived_id[128];	      /* its -i, or the default */
	struct kconf k;
	int k_read; /* k is whole */
	struct kglobal global;
};

/* One VIP with its file; v: the instance that leads to it, NULL: none does. */
struct setup_site {
	struct site site;
	struct conf conf; /* the whole file, for all three programs */
	const struct kvrrp *v;
};

#endif
