/* kvrrp: what keepalived's configuration says about instances, their hooks and checks. No I/O. */
#ifndef MEMVIP_KVRRP_H
#define MEMVIP_KVRRP_H

#include "addr.h"
#include "kconf.h"

#define KCOMMAND_WORDS_MAX 32
#define KCOMMAND_TEXT_MAX  1024

/* What keepalived is told to run. */
struct kcommand {
	const struct kline *at;
	int argc; /* 0: nothing */
	char *argv[KCOMMAND_WORDS_MAX + 1];
	char text[KCOMMAND_TEXT_MAX]; /* argv points into it */
	const char *user;	      /* NULL: not named here */
};

/* A vrrp_script that an instance tracks. */
struct kscript {
	struct kcommand command; /* argc 0: the instance names a script that is not there */
	const char *name;
	double interval_s, timeout_s;
	int weighted; /* it has a weight other than 0 */
};

struct kvrrp {
	const struct kline *at;
	const char *name, *interface; /* "": not named */
	unsigned vrid;		      /* 0: not named */
	double advert_s;
	int state_master, nopreempt, preempt_delay, unicast;
	int garp_refresh;  /* by its own words */
	const char *group; /* the sync group that it is in, NULL: none */
	struct kcommand notify;
	int by_group; /* notify is the group's */
};

/* What is said once for all. */
struct kglobal {
	const char *script_user; /* NULL: not named */
	int script_security;
	const char *mcast4, *mcast6;
	int garp_refresh; /* a MASTER tells the network again and again who it is */
};

void kglobal_read(struct kglobal *g, const struct kconf *k);

/* Reads the instance that begins at this line. */
void kvrrp_read(struct kvrrp *v, const struct kconf *k, const struct kline *at);

/* Calls each(address, arg) for each of its virtual_ipaddress and virtual_ipaddress_excluded. */
void kvrrp_each_vip(const struct kvrrp *v, void (*each)(const struct addr *a, void *arg),
		    void *arg);
int kvrrp_has_vip(const struct kvrrp *v, const struct addr *vip); /* Its port does not count. */

/* The same for its unicast_peer. */
void kvrrp_each_peer(const struct kvrrp *v, void (*each)(const struct addr *a, void *arg),
		     void *arg);

/* The i-th script that it (or its group) tracks. Returns 1, or 0 when there are not so many. */
int kvrrp_script(struct kscript *s, const struct kvrrp *v, const struct kconf *k, unsigned i);

/*
 * The line, if there is one, by which this program is run for one state alone (notify_master and its
 * like), of the instance or its group.
 */
const struct kline *kvrrp_one_state_hook(const struct kvrrp *v, const struct kconf *k,
					 const char *program);

/* Is it this program, by the last part of its path? Returns 1 or 0. */
int kcommand_is(const struct kcommand *c, const char *program);

/* The user that it is run as: its own, else script_user; NULL: neither is named. */
const char *kcommand_user(const struct kcommand *c, const struct kglobal *g);

#endif
