/*
 * conf: one option table serves the command line and the file, for all three programs.
 *
 * The file holds the long names, one a line ("server 192.168.58.135:11211"), '#' starts a
 * comment. The command line beats the file: an option (or list) given there replaces the file's.
 * Each program ignores the file's names that belong to another one, but still refuses a bad value
 * in them never: only names that nobody knows are an error.
 */
#ifndef MEMVIP_CONF_H
#define MEMVIP_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "addr.h"

#define CONF_FILE_DEFAULT SYSCONFDIR "/memvip/memvip.conf"
#define CONF_DIR_DEFAULT  SYSCONFDIR "/memvip"
#define CONF_SERVERS_MAX  64

enum conf_prog { CONF_PROXY = 1, CONF_CHECK = 2, CONF_NOTIFY = 4 };

/* A list of servers, for addr_parse_server(): they are written right (strings owned by the conf). */
struct conf_list {
	char *value[CONF_SERVERS_MAX];
	unsigned n;
};

struct conf {
	/* Shared: where clients are served. The hooks read listen as the VIP. */
	char *file;   /* -c; NULL: none given */
	char *listen; /* -l: an IP address, NULL: any */
	uint64_t port;
	uint64_t verbose;
	int help, version;

	/* memvip-proxy */
	char *user, *group, *unix_path, *pidfile, *name, *ack, *metrics;
	struct conf_list servers, backups;
	int foreground, ketama, test_config, no_flush;
	uint64_t max_conns, connections;
	uint64_t timeout_ms, connect_timeout_ms, hedge_ms, drain_ms;
	uint64_t max_value, max_memory, dirty_limit; /* bytes */
	uint64_t fill_rate;			     /* items per second; 0: unlimited */
	uint64_t life_fd; /* descriptor whose end-of-file ends the proxy; 0: none */

	/* hooks */
	char *run_dir, *proxy;
	uint64_t check_timeout_ms;
	int keep_vip;

	/* After a failure: one line that says what and where, no program name, no newline. */
	char err[512];
	/* Which options the command line has set; the file does not touch them. */
	uint64_t set_by_args;
};

/* Fills *c with the defaults. conf_free() releases what the calls below allocate. */
void conf_init(struct conf *c);
void conf_free(struct conf *c);

/*
 * Reads the command line of prog. Returns the index of the first operand (argc when there is
 * none), or -1 with c->err set.
 */
int conf_args(struct conf *c, enum conf_prog prog, int argc, char **argv);

/* Reads a file on top. Returns 0, or -1 with c->err set ("FILE:LINE: what"). */
int conf_file(struct conf *c, enum conf_prog prog, const char *path);

/* Says the options of prog on out, a line each, for --help. */
void conf_help(enum conf_prog prog, FILE *out);

/* One difference between two configurations. */
struct conf_change {
	unsigned next; /* where the search goes on; 0 before the first one */
	const char *name;
	int fixed;		/* memvip-proxy cannot change it while it runs */
	int servers;		/* it is one of the lists of servers */
	char was[256], is[256]; /* in words, cut where they are longer */
};

/* Finds the next option of prog that differs. Returns 1 with *change filled, or 0: no more. */
int conf_differs(struct conf *was, struct conf *is, enum conf_prog prog,
		 struct conf_change *change);

/*
 * The address that clients use: listen and port as one struct addr (any address: 0.0.0.0).
 * Returns 0, or -1 with c->err set (not an IP address).
 */
int conf_vip(struct conf *c, struct addr *out);

#endif
