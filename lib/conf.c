/* conf: one option table serves the command line and the file. See conf.h. */
#include "conf.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "num.h"

/* A line of the file: long enough for any path, short enough to refuse a binary by mistake. */
#define CONF_LINE_MAX 4352

enum conf_kind {
	KIND_FLAG,
	KIND_COUNT,
	KIND_NUM,
	KIND_SIZE,
	KIND_STR,
	KIND_IP,
	KIND_LOCAL,
	KIND_SERVERS
};

struct conf_opt {
	const char *name; /* long name, in the file and after -- */
	char letter;	  /* 0: none */
	unsigned progs;	  /* enum conf_prog, or-ed */
	enum conf_kind kind;
	size_t offset;	   /* in struct conf */
	uint64_t min, max; /* KIND_NUM, KIND_SIZE */
	const char *arg;   /* what --help calls the value; NULL: takes none */
	const char *help;
	int args_only;	   /* makes no sense in a file */
	const char *later; /* the feature is not built yet: what is missing */
};

#define ALL	  (CONF_PROXY | CONF_CHECK | CONF_NOTIFY)
#define AT(field) offsetof(struct conf, field)
#define NO_RANGE  0, 0
#define MS_MAX	  600000
#define GB	  (UINT64_C(1) << 30)

/* This program takes it from the file; its own command line refuses it, and --help leaves it out. */
#define BY_FILE(prog) ((prog) << 8)

/* memvip-proxy cannot change it while it runs. */
#define FIXED (1u << 16)

/* One line an option: the one place that knows them. Its man pages are checked against it. */
static const struct conf_opt opts[] = {
    {"help", 'h', ALL, KIND_FLAG, AT(help), NO_RANGE, NULL, "say this and exit", 1, NULL},
    {"version", 'V', ALL, KIND_FLAG, AT(version), NO_RANGE, NULL, "say the version and exit", 1,
     NULL},
    {"config", 'c', ALL, KIND_STR, AT(file), NO_RANGE, "FILE", "read options from FILE", 1, NULL},
    {"test-config", 't', CONF_PROXY, KIND_FLAG, AT(test_config), NO_RANGE, NULL,
     "check the options and exit", 1, NULL},
    {"listen", 'l', ALL | BY_FILE(CONF_NOTIFY) | FIXED, KIND_IP, AT(listen), NO_RANGE, "IP",
     "address to serve on: the VIP (default: any)", 0, NULL},
    {"port", 'p', ALL | BY_FILE(CONF_NOTIFY) | FIXED, KIND_NUM, AT(port), 0, 65535, "PORT",
     "port to serve on (11211; 0: no TCP)", 0, NULL},
    {"unix", 'f', CONF_PROXY | FIXED, KIND_STR, AT(unix_path), NO_RANGE, "PATH",
     "serve on a unix socket too", 0, NULL},
    {"server", 's', CONF_PROXY | CONF_CHECK, KIND_SERVERS, AT(servers), NO_RANGE, "HOST[:PORT]",
     "primary memcached (repeatable; under -k HOST:PORT:WEIGHT too)", 0, NULL},
    {"backup", 'b', CONF_PROXY | CONF_CHECK, KIND_SERVERS, AT(backups), NO_RANGE, "HOST[:PORT]",
     "backup memcached (repeatable)", 0, NULL},
    {"user", 'u', CONF_PROXY | FIXED, KIND_STR, AT(user), NO_RANGE, "USER",
     "become this user (name or uid)", 0, NULL},
    {"group", 'g', CONF_PROXY | FIXED, KIND_STR, AT(group), NO_RANGE, "GROUP",
     "become this group (name or gid)", 0, NULL},
    {"max-conns", 'n', CONF_PROXY, KIND_NUM, AT(max_conns), 1, 1000000, "NUMBER",
     "client connections at most (4096)", 0, NULL},
    {"connections", 'i', CONF_PROXY | FIXED, KIND_NUM, AT(connections), 1, 256, "NUMBER",
     "connections to each server (1)", 0, NULL},
    {"foreground", 'D', CONF_PROXY | FIXED, KIND_FLAG, AT(foreground), NO_RANGE, NULL,
     "stay in the foreground", 0, NULL},
    {"ketama", 'k', CONF_PROXY | FIXED, KIND_FLAG, AT(ketama), NO_RANGE, NULL,
     "place keys by ketama instead of modulo", 0, NULL},
    {"pidfile", 'P', CONF_PROXY | FIXED, KIND_STR, AT(pidfile), NO_RANGE, "FILE",
     "write the process id to FILE", 0, NULL},
    {"name", 0, CONF_PROXY | FIXED, KIND_STR, AT(name), NO_RANGE, "NAME",
     "the proxy's name (default: its address)", 0, NULL},
    {"timeout", 0, CONF_PROXY, KIND_NUM, AT(timeout_ms), 10, MS_MAX, "MS",
     "a server silent for so long is out (500)", 0, NULL},
    {"connect-timeout", 0, CONF_PROXY, KIND_NUM, AT(connect_timeout_ms), 10, MS_MAX, "MS",
     "a connection not made by then has failed (250)", 0, NULL},
    {"hedge", 0, CONF_PROXY, KIND_NUM, AT(hedge_ms), 0, MS_MAX, "MS",
     "ask the follower too after so long (20; 0: off)", 0, NULL},
    {"drain", 0, CONF_PROXY, KIND_NUM, AT(drain_ms), 0, MS_MAX, "MS",
     "time to finish at SIGTERM (1000)", 0, NULL},
    {"ack", 0, CONF_PROXY, KIND_STR, AT(ack), NO_RANGE, "both|leader",
     "who must have answered a write (both)", 0, NULL},
    {"max-value", 0, CONF_PROXY, KIND_SIZE, AT(max_value), 1024, GB, "SIZE",
     "largest value taken (1m)", 0, NULL},
    {"max-memory", 0, CONF_PROXY, KIND_SIZE, AT(max_memory), UINT64_C(8) << 20, 1024 * GB, "SIZE",
     "everything buffered at most (256m)", 0, NULL},
    {"dirty-limit", 0, CONF_PROXY, KIND_SIZE, AT(dirty_limit), 0, 1024 * GB, "SIZE",
     "list of keys to copy at most (64m)", 0, NULL},
    {"fill-rate", 0, CONF_PROXY, KIND_NUM, AT(fill_rate), 0, UINT64_C(1000000000), "ITEMS/S",
     "copies a second at most (0: unlimited)", 0, NULL},
    {"no-flush", 0, CONF_PROXY, KIND_FLAG, AT(no_flush), NO_RANGE, NULL,
     "clients may not flush_all", 0, NULL},
    {"metrics", 0, CONF_PROXY | FIXED, KIND_LOCAL, AT(metrics), NO_RANGE, "[HOST:]PORT",
     "serve metrics by HTTP (HOST: 127.0.0.1)", 0, NULL},
    {"life-fd", 0, CONF_PROXY, KIND_NUM, AT(life_fd), 3, 1023, "FD",
     "end when this descriptor reaches end-of-file (memvip-notify's pipe)", 1, NULL},
    {"verbose", 'v', ALL, KIND_COUNT, AT(verbose), NO_RANGE, NULL, "say more (twice: still more)",
     0, NULL},
    {"check-timeout", 0, CONF_CHECK, KIND_NUM, AT(check_timeout_ms), 50, MS_MAX, "MS",
     "the check's own deadline (900)", 0, NULL},
    {"run-dir", 0, CONF_CHECK | CONF_NOTIFY, KIND_STR, AT(run_dir), NO_RANGE, "DIR",
     "state files (" RUNDIR "/memvip)", 0, NULL},
    {"proxy", 0, CONF_NOTIFY, KIND_STR, AT(proxy), NO_RANGE, "PATH", "the memvip-proxy to start", 0,
     NULL},
    {"keep-vip", 0, CONF_NOTIFY, KIND_FLAG, AT(keep_vip), NO_RANGE, NULL,
     "leave an orphaned VIP where it is", 0, NULL},
};

#define OPTS_N (sizeof(opts) / sizeof(opts[0]))
_Static_assert(OPTS_N <= 64, "set_by_args has a bit for each option");

static int conf_fail(struct conf *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int
conf_fail(struct conf *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->err, sizeof(c->err), fmt, ap);
	va_end(ap);
	return -1;
}

static void *
conf_field(struct conf *c, const struct conf_opt *o)
{
	return (char *)c + o->offset;
}

static char *
conf_strdup(const char *s)
{
	char *d = strdup(s);

	if (d == NULL)
		abort(); /* at start-up, a few bytes: there is no machine left to run on */
	return d;
}

static void
conf_list_clear(struct conf_list *l)
{
	for (unsigned i = 0; i < l->n; i++)
		free(l->value[i]);
	l->n = 0;
}

void
conf_init(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	c->port = 11211;
	c->max_conns = 4096;
	c->connections = 1;
	c->timeout_ms = 500;
	c->connect_timeout_ms = 250;
	c->hedge_ms = 20;
	c->drain_ms = 1000;
	c->check_timeout_ms = 900;
	c->max_value = UINT64_C(1) << 20;
	c->max_memory = UINT64_C(256) << 20;
	c->dirty_limit = UINT64_C(64) << 20;
	c->run_dir = conf_strdup(RUNDIR "/memvip");
	c->proxy = conf_strdup(SBINDIR "/memvip-proxy");
}

void
conf_free(struct conf *c)
{
	for (size_t i = 0; i < OPTS_N; i++) {
		void *field = conf_field(c, &opts[i]);
		if (opts[i].kind == KIND_STR || opts[i].kind == KIND_IP ||
		    opts[i].kind == KIND_LOCAL)
			free(*(char **)field);
		else if (opts[i].kind == KIND_SERVERS)
			conf_list_clear(field);
	}
	memset(c, 0, sizeof(*c));
}

/* What is wrong with the address that value is to be; NULL: nothing, or it is to be none. */
static const char *
conf_address_wrong(enum conf_kind kind, const char *value)
{
	const char *why = NULL;
	struct addr a;

	if (kind == KIND_LOCAL)
		addr_parse_local(&a, value, &why);
	else if (kind == KIND_IP && addr_parse(&a, value, 1, ADDR_NUMERIC, &why) == 0 &&
		 (value[0] == '[' || (a.u.sa.sa_family == AF_INET && strchr(value, ':') != NULL)))
		why = "an IP address without port";
	return why;
}

/*
 * Sets one option. where: "FILE:LINE: " or "". shown: the option as it was written ("-p", "port").
 * value: NULL when none was written.
 */
static int
conf_set(struct conf *c, const struct conf_opt *o, const char *where, const char *shown,
	 const char *value)
{
	void *field = conf_field(c, o);
	const char *why = NULL;
	uint64_t v;
	struct addr_server server;
	struct conf_list *list;
	int rc = 0;

	if (o->later != NULL)
		return conf_fail(c, "%s%s: %s is not in this version", where, shown, o->later);
	if ((o->arg == NULL) != (value == NULL))
		return conf_fail(c, "%s%s: %s", where, shown,
				 value == NULL ? "needs a value" : "takes no value");
	switch (o->kind) {
	case KIND_FLAG:
		*(int *)field = 1;
		return 0;
	case KIND_COUNT:
		++*(uint64_t *)field;
		return 0;
	case KIND_NUM:
	case KIND_SIZE:
		if (o->kind == KIND_NUM)
			rc = num_parse(value, o->min, o->max, &v, &why);
		else
			rc = num_parse_size(value, o->min, o->max, &v, &why);
		if (rc == -1)
			return conf_fail(c, "%s%s: '%s': %s (%llu to %llu)", where, shown, value,
					 why, (unsigned long long)o->min,
					 (unsigned long long)o->max);
		*(uint64_t *)field = v;
		return 0;
	case KIND_IP:
	case KIND_LOCAL:
	case KIND_STR:
		why = conf_address_wrong(o->kind, value);
		if (why != NULL)
			return conf_fail(c, "%s%s: '%s': %s", where, shown, value, why);
		if (*value == '\0')
			return conf_fail(c, "%s%s: needs a value", where, shown);
		free(*(char **)field);
		*(char **)field = conf_strdup(value);
		return 0;
	case KIND_SERVERS:
		list = field;
		if (list->n == CONF_SERVERS_MAX)
			return conf_fail(c, "%s%s: more than %d", where, shown, CONF_SERVERS_MAX);
		if (*value == '\0')
			return conf_fail(c, "%s%s: needs a value", where, shown);
		/* Names are looked up later, by those who need the address. */
		if (addr_parse_server(&server, value, 1, ADDR_SYNTAX, &why) == -1)
			return conf_fail(c, "%s%s: '%s': %s", where, shown, value, why);
		list->value[list->n++] = conf_strdup(value);
		return 0;
	}
	return 0;
}

int
conf_args(struct conf *c, enum conf_prog prog, int argc, char **argv)
{
	struct option longs[OPTS_N + 1];
	char shorts[2 * OPTS_N + 4];
	const struct conf_opt *by_letter[256] = {NULL};
	size_t nl = 0, ns = 0;
	int ch, index = 0;

	shorts[ns++] = '+'; /* stop at the first operand */
	shorts[ns++] = ':'; /* tell a missing value from an unknown letter */
	for (size_t i = 0; i < OPTS_N; i++) {
		if ((opts[i].progs & prog) == 0)
			continue;
		/* Long options come back as 256 + their place in the table. */
		longs[nl++] = (struct option){opts[i].name,
					      opts[i].arg != NULL ? required_argument : no_argument,
					      NULL, 256 + (int)i};
		if (opts[i].letter != 0) {
			by_letter[(unsigned char)opts[i].letter] = &opts[i];
			shorts[ns++] = opts[i].letter;
			if (opts[i].arg != NULL)
				shorts[ns++] = ':';
		}
	}
	longs[nl] = (struct option){NULL, 0, NULL, 0};
	shorts[ns] = '\0';

	opterr = 0;
	optind = 0; /* anew, even if the last one stopped within a word (getopt(3), "NOTES") */
	for (;;) {
		int at = optind > 0 ? optind : 1;
		ch = getopt_long(argc, argv, shorts, longs, &index);
		if (ch == -1)
			break;
		if (ch == '?' || ch == ':') {
			const char *word = argv[at < argc ? at : argc - 1];
			if (ch == ':' && optopt >= 256)
				return conf_fail(c, "--%s: needs a value", opts[optopt - 256].name);
			if (ch == ':')
				return conf_fail(c, "-%c: needs a value", optopt);
			if (optopt >= 256)
				return conf_fail(c, "%s: takes no value", word);
			if (optopt != 0)
				return conf_fail(c, "-%c: unknown option", optopt);
			return conf_fail(c, "%s: unknown or ambiguous option", word);
		}
		const struct conf_opt *o = ch >= 256 ? &opts[ch - 256] : by_letter[ch];
		char shown[64];
		if (ch >= 256)
			snprintf(shown, sizeof(shown), "--%s", o->name);
		else
			snprintf(shown, sizeof(shown), "-%c", ch);
		if (conf_set(c, o, "", shown, optarg) == -1)
			return -1;
		c->set_by_args |= UINT64_C(1) << (o - opts);
	}
	return optind;
}

static const struct conf_opt *
conf_find(const char *name)
{
	for (size_t i = 0; i < OPTS_N; i++)
		if (strcmp(opts[i].name, name) == 0)
			return &opts[i];
	return NULL;
}

/* Cuts the next blank-separated word off *at. Returns it, or NULL. */
static char *
conf_word(char **at)
{
	char *s = *at + strspn(*at, " \t"), *end;

	if (*s == '\0')
		return NULL;
	end = s + strcspn(s, " \t");
	*at = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return s;
}

/* One line of the file, without its newline. seen: options that this file has set already. */
static int
conf_line(struct conf *c, enum conf_prog prog, const char *where, char *line, uint64_t *seen)
{
	char *hash = strchr(line, '#');
	char *name, *value, *rest;
	const struct conf_opt *o;
	uint64_t bit;

	if (hash != NULL)
		*hash = '\0';
	if ((name = conf_word(&line)) == NULL)
		return 0;
	value = conf_word(&line);
	rest = conf_word(&line);
	o = conf_find(name);
	if (o == NULL)
		return conf_fail(c, "%s%.64s: unknown option", where, name);
	if (o->args_only)
		return conf_fail(c, "%s%s: only on the command line", where, name);
	if (rest != NULL)
		return conf_fail(c, "%s%s: one value, then '%.64s'", where, name, rest);
	bit = UINT64_C(1) << (o - opts);
	if ((*seen & bit) != 0 && o->kind != KIND_SERVERS && o->kind != KIND_COUNT)
		return conf_fail(c, "%s%s: given twice", where, name);
	*seen |= bit;
	if ((o->progs & prog) == 0 || (c->set_by_args & bit) != 0)
		return 0;
	return conf_set(c, o, where, name, value);
}

int
conf_file(struct conf *c, enum conf_prog prog, const char *path)
{
	char line[CONF_LINE_MAX], where[512];
	unsigned lineno = 0;
	uint64_t seen = 0;
	int rc = 0;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return conf_fail(c, "%s: %s", path, strerror(errno));
	while (rc == 0 && fgets(line, sizeof(line), f) != NULL) {
		size_t n = strlen(line);

		snprintf(where, sizeof(where), "%.400s:%u: ", path, ++lineno);
		if (n > 0 && line[n - 1] == '\n')
			line[--n] = '\0';
		else if (!feof(f))
			rc = conf_fail(c, "%sline too long, or a NUL byte", where);
		if (n > 0 && line[n - 1] == '\r')
			line[--n] = '\0';
		if (rc == 0)
			rc = conf_line(c, prog, where, line, &seen);
	}
	if (rc == 0 && ferror(f))
		rc = conf_fail(c, "%s: %s", path, strerror(errno));
	fclose(f);
	return rc;
}

void
conf_help(enum conf_prog prog, FILE *out)
{
	for (size_t i = 0; i < OPTS_N; i++) {
		const struct conf_opt *o = &opts[i];
		char left[64], letter[8] = "    ";

		if ((o->progs & prog) == 0 || (o->progs & BY_FILE(prog)) != 0 || o->later != NULL)
			continue;
		if (o->letter != 0)
			snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		fprintf(out, "  %-30s %s\n", left, o->help);
	}
}

int
conf_vip(struct conf *c, struct addr *out)
{
	const char *why;

	if (addr_parse(out, c->listen != NULL ? c->listen : "0.0.0.0", (uint16_t)c->port,
		       ADDR_NUMERIC, &why) == -1)
		return conf_fail(c, "listen: '%s': %s", c->listen, why);
	return 0;
}

/* An option's value in words, as it is written in the file. */
static void
conf_show(struct conf *c, const struct conf_opt *o, char *out, size_t size)
{
	void *field = conf_field(c, o);
	const struct conf_list *l = field;
	size_t at = 0;

	switch (o->kind) {
	case KIND_FLAG:
		snprintf(out, size, "%s", *(int *)field ? "on" : "off");
		break;
	case KIND_COUNT:
	case KIND_NUM:
	case KIND_SIZE:
		snprintf(out, size, "%llu", (unsigned long long)*(uint64_t *)field);
		break;
	case KIND_STR:
	case KIND_IP:
	case KIND_LOCAL:
		snprintf(out, size, "%s", *(char **)field != NULL ? *(char **)field : "not given");
		break;
	case KIND_SERVERS:
		snprintf(out, size, "none");
		for (unsigned i = 0; i < l->n && at + 1 < size; i++)
			at += (size_t)snprintf(out + at, size - at, "%s%s", i > 0 ? " " : "",
					       l->value[i]);
		break;
	}
}

static int
conf_same(struct conf *a, struct conf *b, const struct conf_opt *o)
{
	const void *x = conf_field(a, o), *y = conf_field(b, o);
	const char *s, *t;
	const struct conf_list *l = x, *m = y;

	switch (o->kind) {
	case KIND_FLAG:
		return *(const int *)x == *(const int *)y;
	case KIND_COUNT:
	case KIND_NUM:
	case KIND_SIZE:
		return *(const uint64_t *)x == *(const uint64_t *)y;
	case KIND_STR:
	case KIND_IP:
	case KIND_LOCAL:
		s = *(char *const *)x;
		t = *(char *const *)y;
		return s == t || (s != NULL && t != NULL && strcmp(s, t) == 0);
	case KIND_SERVERS:
		for (unsigned i = 0; i < l->n && i < m->n; i++)
			if (strcmp(l->value[i], m->value[i]) != 0)
				return 0;
		return l->n == m->n;
	}
	return 1;
}

int
conf_differs(struct conf *was, struct conf *is, enum conf_prog prog, struct conf_change *change)
{
	for (; change->next < OPTS_N; change->next++) {
		const struct conf_opt *o = &opts[change->next];
		if ((o->progs & prog) == 0 || conf_same(was, is, o))
			continue;
		change->next++;
		change->name = o->name;
		change->fixed = (o->progs & FIXED) != 0;
		change->servers = o->kind == KIND_SERVERS;
		conf_show(was, o, change->was, sizeof(change->was));
		conf_show(is, o, change->is, sizeof(change->is));
		return 1;
	}
	return 0;
}
