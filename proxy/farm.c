/* farm: the servers, and who leads and who follows for a key. See farm.h. */
#include "farm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "log.h"

#define MEMCACHED_PORT 11211

/* Bits of a cas token that are the server's own; see farm_cas_out(). */
#define CAS_BITS 48
#define CAS_MASK ((UINT64_C(1) << CAS_BITS) - 1)
#define TAG_MASK 0x7fff

static int
farm_others(const struct server *s)
{
	const struct farm *f = s->owner;

	for (unsigned i = 0; i < f->n; i++)
		if (epoch_partners(&f->epoch, s, &f->servers[i]) && server_usable(&f->servers[i]))
			return 1;
	return 0;
}

static void
farm_changed(struct server *s)
{
	struct farm *f = s->owner;

	if (replica_usable(&s->replica) && s->tagged != s->uses) {
		s->tagged = s->uses;
		f->tags = (uint16_t)(f->tags + 1) & TAG_MASK;
		s->tag = f->tags;
	}
	epoch_changed(&f->epoch, s);
}

static struct epoch *
epoch_of(struct server *s)
{
	return &((struct farm *)s->owner)->epoch;
}

static void
farm_proven(struct server *s)
{
	epoch_proven(epoch_of(s), s);
}

static void
farm_marked(struct server *s)
{
	epoch_marked(epoch_of(s), s);
}

static void
farm_unmarked(struct server *s)
{
	epoch_unmarked(epoch_of(s), s);
}

static void
farm_overdue(struct server *s)
{
	epoch_overdue(epoch_of(s));
}

static void
farm_superseded(struct server *s, const struct marker *m)
{
	epoch_superseded(epoch_of(s), s, m);
}

static const struct server_ops farm_server_ops = {
    .others = farm_others,
    .proven = farm_proven,
    .superseded = farm_superseded,
    .overdue = farm_overdue,
    .marked = farm_marked,
    .unmarked = farm_unmarked,
    .changed = farm_changed,
};

/* Index of addr in the table of n, where it is added when it is new. */
static int
farm_index(struct addr *table, unsigned *n, const struct addr *addr)
{
	for (unsigned i = 0; i < *n; i++)
		if (addr_equal(&table[i], addr))
			return (int)i;
	table[*n] = *addr;
	return (int)(*n)++;
}

/* What farm_list() reads one of the two lists into. */
struct farm_list {
	const char *option;
	const struct conf_list *list;
	const struct addr *addrs; /* of its servers */
	int *out;		  /* indices into the table */
	unsigned *out_n;
	struct ketama **circle;
};

/* FNV-1a of text and its NUL. */
static uint64_t
fold(uint64_t h, const char *text)
{
	do
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	while (*text++ != '\0');
	return h;
}

/* What the lists come to, as they are written: which server is at which place of which circle. */
static uint64_t
farm_placement(const struct conf *conf)
{
	const struct conf_list *lists[] = {&conf->servers, &conf->backups};
	uint64_t h = fold(UINT64_C(14695981039346656037), conf->ketama ? "ketama" : "modulo");

	for (int l = 0; l < 2; l++) {
		for (unsigned i = 0; i < lists[l]->n; i++)
			h = fold(h, lists[l]->value[i]);
		h = fold(h, "");
	}
	return h;
}

/* The circle of the servers of a list, for -k. */
static struct ketama *
farm_circle(const struct farm_list *l, const struct ketama_server *places)
{
	struct ketama *k = ketama_new(places, l->list->n);

	if (k == NULL)
		fatalx("out of memory: ketama of %u servers", l->list->n);
	for (unsigned i = 0; i < l->list->n; i++)
		if (ketama_share(places, l->list->n, i) == 0)
			log_warnx("%s: '%s': its weight is too small beside the others' to get a "
				  "share of the keys",
				  l->option, l->list->value[i]);
	return k;
}

static int
farm_list(const struct farm_list *l, int ketama, struct addr *table, unsigned *n, char *why,
	  size_t size)
{
	struct addr_server servers[CONF_SERVERS_MAX];
	struct ketama_server places[CONF_SERVERS_MAX];

	for (unsigned i = 0; i < l->list->n; i++) {
		const char *text = l->list->value[i], *reason;
		struct addr_server *s = &servers[i];
		int index, rc = addr_parse_server(s, text, MEMCACHED_PORT, ADDR_SYNTAX, &reason);

		s->addr = l->addrs[i];
		if (rc == 0 && s->weight != 0 && !ketama) {
			reason = "a weight is for ketama (-k) only";
			rc = -1;
		}
		if (rc == -1) {
			snprintf(why, size, "%s: '%s': %s", l->option, text, reason);
			return -1;
		}
		index = farm_index(table, n, &s->addr);
		for (unsigned k = 0; k < *l->out_n; k++)
			if (l->out[k] == index) {
				snprintf(why, size, "%s: '%s': given twice", l->option, text);
				return -1;
			}
		l->out[(*l->out_n)++] = index;
		places[i] = (struct ketama_server){s->host, addr_port(&s->addr),
						   s->weight != 0 ? s->weight : 1};
	}
	if (ketama && l->list->n > 1)
		*l->circle = farm_circle(l, places);
	return 0;
}

/* The addresses of one list. */
static int
farm_lookup_list(const char *option, const struct conf_list *l, enum addr_how how, struct addr *out,
		 char *why, size_t size)
{
	for (unsigned i = 0; i < l->n; i++) {
		struct addr_server s;
		const char *reason;
		if (addr_parse_server(&s, l->value[i], MEMCACHED_PORT, how, &reason) == -1) {
			snprintf(why, size, "%s: '%s': %s", option, l->value[i], reason);
			return -1;
		}
		out[i] = s.addr;
	}
	return 0;
}

static int
farm_lookup_both(struct farm_addrs *out, const struct conf *conf, enum addr_how how, char *why,
		 size_t size)
{
	if (farm_lookup_list("server", &conf->servers, how, out->servers, why, size) == -1)
		return -1;
	return farm_lookup_list("backup", &conf->backups, how, out->backups, why, size);
}

int
farm_lookup(struct farm_addrs *out, const struct conf *conf, char *why, size_t size)
{
	return farm_lookup_both(out, conf, ADDR_RESOLVE, why, size);
}

int
farm_is_literal(const struct conf *conf)
{
	struct farm_addrs addrs;
	char why[1];

	return farm_lookup_both(&addrs, conf, ADDR_NUMERIC, why, sizeof(why)) == 0;
}

void
farm_addrs(const struct farm *f, struct farm_addrs *out)
{
	for (unsigned i = 0; i < f->ring.n_primary; i++)
		out->servers[i] = f->servers[f->ring.primary[i]].addr;
	for (unsigned i = 0; i < f->ring.n_backup; i++)
		out->backups[i] = f->servers[f->ring.backup[i]].addr;
}

int
farm_resolve(struct farm *f, const struct conf *conf, const struct farm_addrs *addrs, char *why,
	     size_t size)
{
	const struct farm_list primaries = {"server",		&conf->servers,
					    addrs->servers,	f->ring.primary,
					    &f->ring.n_primary, &f->ring.primary_circle};
	const struct farm_list backups = {"backup",	     &conf->backups,
					  addrs->backups,    f->ring.backup,
					  &f->ring.n_backup, &f->ring.backup_circle};
	struct addr table[2 * CONF_SERVERS_MAX];
	unsigned n = 0;

	memset(f, 0, sizeof(*f));
	if (farm_list(&primaries, conf->ketama, table, &n, why, size) == -1 ||
	    farm_list(&backups, conf->ketama, table, &n, why, size) == -1)
		return -1;
	if (n == 0 || f->ring.n_primary == 0) {
		snprintf(why, size, "no server is given (-s HOST[:PORT])");
		return -1;
	}
	f->servers = calloc(n, sizeof(*f->servers));
	if (f->servers == NULL)
		fatalx("out of memory: %u servers", n);
	for (f->n = 0; f->n < n; f->n++)
		f->servers[f->n].addr = table[f->n];
	return 0;
}

/* The name that the markers carry: --name, else where clients are served (the same on both nodes). */
static void
farm_name(const struct conf *conf, char *out, size_t size)
{
	if (conf->name != NULL)
		snprintf(out, size, "%s", conf->name);
	else if (conf->port == 0)
		snprintf(out, size, "%s", conf->unix_path);
	else
		snprintf(out, size, "%s:%llu", conf->listen != NULL ? conf->listen : "*",
			 (unsigned long long)conf->port);
	for (; *out != '\0'; out++)
		if (*out <= ' ' || *out > '~')
			*out = '_';
}

void
farm_start(struct farm *f, const struct conf *conf, struct gate *gate)
{
	char name[MARKER_NAME_MAX];

	f->epoch.servers = f->servers;
	f->epoch.n = f->n;
	f->epoch.ring = &f->ring;
	f->epoch.gate = gate;
	f->epoch.placement = farm_placement(conf);
	if (f->epoch.before == 0 &&
	    getrandom(&f->tags, sizeof(f->tags), GRND_NONBLOCK) != sizeof(f->tags))
		f->tags = (uint16_t)timer_now_ms;
	for (unsigned i = 0; i < f->n; i++)
		server_setup(&f->servers[i], &farm_server_ops, f, conf);
	farm_name(conf, name, sizeof(name));
	epoch_start(&f->epoch, name);
	for (unsigned i = 0; i < f->n; i++)
		server_start(&f->servers[i]);
}

void
farm_succeed(struct farm *f, struct farm *old)
{
	f->tags = old->tags; /* no token that was handed out matches again */
	epoch_succeed(&f->epoch, &old->epoch);
	for (unsigned i = 0; i < f->n; i++)
		for (unsigned k = 0; k < old->n; k++)
			if (addr_equal(&f->servers[i].addr, &old->servers[k].addr))
				server_succeed(&f->servers[i], &old->servers[k]);
}

void
farm_stop(struct farm *f)
{
	for (unsigned i = 0; i < f->n; i++)
		replica_stop(
		    &f->servers[i].replica); /* what is lost on one is not asked of another */
	for (unsigned i = 0; i < f->n; i++)
		server_stop(&f->servers[i]);
	epoch_stop(&f->epoch);
}

void
farm_free(struct farm *f)
{
	for (unsigned i = 0; i < f->n; i++)
		server_free(&f->servers[i]);
	free(f->servers);
	free(f->ring.primary_circle);
	free(f->ring.backup_circle);
	f->n = 0;
}

/* What leads where nobody is current: better to compare what may be wrong than to serve what lacks. */
static int
rank(const struct server *s)
{
	return s->replica.state == REPLICA_CURRENT ? 2 : s->replica.state == REPLICA_SUSPECT;
}

/* May a lead before b? The primary a wins where both are as good. */
static int
leads_before(const struct server *a, const struct server *b)
{
	if (rank(a) != rank(b))
		return rank(a) > rank(b);
	/* Neither is whole: the one that has been collecting for longer holds more. */
	return rank(a) > 0 || a->replica.since_ms <= b->replica.since_ms;
}

struct route
farm_route(struct farm *f, const char *key, size_t len, enum route_for what)
{
	struct ring_pair pair = ring_find(&f->ring, key, len);
	struct server *p = &f->servers[pair.primary];
	struct server *b = pair.backup != RING_NONE ? &f->servers[pair.backup] : NULL;
	int p_usable = server_usable(p), b_usable = b != NULL && server_usable(b);

	if (p_usable && b_usable)
		return leads_before(p, b) ? (struct route){p, b} : (struct route){b, p};
	if (p_usable) {
		if (what == ROUTE_WRITE && b != NULL)
			server_misses(b, key, len);
		return (struct route){p, NULL};
	}
	if (b_usable) {
		if (what == ROUTE_WRITE)
			server_misses(p, key, len);
		return (struct route){b, NULL};
	}
	return (struct route){NULL, NULL};
}

void
farm_flushes(struct farm *f)
{
	for (unsigned i = 0; i < f->n; i++)
		if (!server_usable(&f->servers[i])) {
			server_misses_all(&f->servers[i]);
		}
}

const char *
farm_role(struct farm *f, const struct server *s)
{
	int follows = 0;

	if (!server_usable(s))
		return "none";
	for (unsigned i = 0; i < f->ring.n_primary; i++) {
		const struct server *p = &f->servers[f->ring.primary[i]];
		if (f->ring.n_backup == 0 && s == p)
			return "leader";
		for (unsigned k = 0; k < f->ring.n_backup; k++) {
			const struct server *b = &f->servers[f->ring.backup[k]];
			const struct server *leader = p;
			if (s != p && s != b)
				continue;
			if (p != b &&
			    (!server_usable(p) || (server_usable(b) && !leads_before(p, b))))
				leader = b;
			if (s == leader)
				return "leader";
			follows = 1;
		}
	}
	return follows ? "follower" : "none";
}

int
farm_is_quiet(const struct farm *f)
{
	for (unsigned i = 0; i < f->n; i++)
		if (server_usable(&f->servers[i]) && server_in_flight(&f->servers[i]) > 0)
			return 0;
	return 1;
}

/* Compares dotted versions by their numbers. */
static int
version_before(const char *a, const char *b)
{
	while (*a != '\0' || *b != '\0') {
		unsigned long x = 0, y = 0;
		for (; *a >= '0' && *a <= '9'; a++)
			x = x * 10 + (unsigned long)(*a - '0');
		for (; *b >= '0' && *b <= '9'; b++)
			y = y * 10 + (unsigned long)(*b - '0');
		if (x != y)
			return x < y;
		if (*a != '.' || *b != '.')
			return *a == '\0' && *b != '\0';
		a++;
		b++;
	}
	return 0;
}

const char *
farm_version(const struct farm *f)
{
	const char *oldest = NULL;

	for (unsigned i = 0; i < f->n; i++) {
		const struct server *s = &f->servers[i];
		if (replica_usable(&s->replica) &&
		    (oldest == NULL || version_before(s->version, oldest)))
			oldest = s->version;
	}
	return oldest;
}

uint64_t
farm_cas_out(const struct server *s, uint64_t unique)
{
	return (unique & CAS_MASK) | (uint64_t)s->tag << CAS_BITS;
}

uint64_t
farm_cas_in(const struct server *s, uint64_t token)
{
	if (token >> CAS_BITS != s->tag)
		return UINT64_MAX;
	return token & CAS_MASK;
}
