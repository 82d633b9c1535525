/* setup_servers: the memcached servers. See setup_servers.h. */
#include "setup_servers.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "holder.h"
#include "memcached.h"
#include "vip.h"

#define ASK_MS 1000

static const char subject[] = "memcached";

/* What is remembered of a server for the comparison with the others. */
struct size {
	const char *text; /* the first server */
	uint64_t max_bytes, item_size_max;
};

static int
is_loopback(const struct addr *a)
{
	if (a->u.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
	return (ntohl(a->u.in.sin_addr.s_addr) >> 24) == 127;
}

/* Reachable from anywhere, if nothing is in between? RFC 1918, RFC 6598, RFC 3927; RFC 4193, link. */
static int
is_public(const struct addr *a)
{
	uint32_t ip;
	const unsigned char *p = a->u.in6.sin6_addr.s6_addr;

	if (a->u.sa.sa_family == AF_INET6)
		return (p[0] & 0xfe) != 0xfc && !(p[0] == 0xfe && (p[1] & 0xc0) == 0x80) &&
		       !is_loopback(a);
	ip = ntohl(a->u.in.sin_addr.s_addr);
	return ip >> 24 != 10 && ip >> 24 != 127 && ip >> 20 != 0xac1 && ip >> 16 != 0xc0a8 &&
	       ip >> 22 != 0x191 && ip >> 16 != 0xa9fe;
}

/* What a server that is to be on this node may have wrong when nobody answers there. */
static void
unreachable(struct setup *s, const struct addr *a, const char *err)
{
	struct findings *f = &s->f;
	struct holder h;
	struct addr loopback;
	const char *why;
	char ip[INET6_ADDRSTRLEN];
	int local = vip_query(a, NULL, VIP_QUERY_MS) == VIP_HERE;

	addr_ip(a, ip, sizeof(ip));
	finding(f, VERDICT_FAILED, subject, "%s: %s", a->text, err);
	if (local &&
	    addr_parse(&loopback, a->u.sa.sa_family == AF_INET6 ? "::1" : "127.0.0.1", addr_port(a),
		       ADDR_NUMERIC, &why) == 0 &&
	    holder_find(&loopback, &h) == 1)
		finding_do(f,
			   "it listens on %s alone, where the other node cannot reach it: -l %s in "
			   "/etc/memcached.conf or /etc/sysconfig/memcached",
			   h.wild ? "another address" : "the loopback", ip);
	else if (local)
		finding_do(f, "systemctl enable --now memcached, and let it listen here: -l %s",
			   ip);
	else
		finding_do(
		    f,
		    "look on that node: does memcached run, listen on %s (-l), does the firewall "
		    "let TCP port %u in?",
		    ip, addr_port(a));
}

/* Each of these keeps it from being used at all. Returns 1 when there is none of them. */
static int
usable(struct setup *s, const struct addr *a, const struct memcached *m)
{
	struct findings *f = &s->f;
	const char *what = NULL, *todo = NULL;

	if (m->auth) {
		what = "it wants a password";
		todo = "start it without -Y";
	} else if (!memcached_is(m, 1, 6)) {
		finding(f, VERDICT_FAILED, subject, "%s: version %s: 1.6 or newer is needed",
			a->text, m->version[0] != '\0' ? m->version : "unknown");
		finding_do(f, "upgrade it");
		return 0;
	} else if (!m->flush) {
		what = "it refuses flush_all, without which it cannot be emptied";
		todo = "start it without -F";
	} else if (!m->listing) {
		what = "it does not list its keys, without which the other one cannot be filled "
		       "from it";
		todo = "start it without -X";
	} else if (!m->cas) {
		what = "it keeps no cas ids, without which no marker can be kept in it";
		todo = "start it without -C";
	}
	if (what == NULL)
		return 1;
	finding(f, VERDICT_FAILED, subject, "%s: %s", a->text, what);
	finding_do(f, "%s", todo);
	return 0;
}

/* "192.168.58.135,127.0.0.1": does it listen on an address of everybody's? Returns a word, or NULL. */
static const char *
exposure(const struct memcached *m)
{
	char part[MEMCACHED_TEXT_MAX];
	const char *p = m->inter, *why;
	struct addr a;

	if (m->inter[0] == '\0')
		return NULL; /* it does not say */
	if (strcmp(m->inter, "NULL") == 0)
		return "every address of its machine";
	for (; *p != '\0'; p += strcspn(p, ","), p += *p == ',') {
		snprintf(part, sizeof(part), "%.*s", (int)strcspn(p, ","), p);
		if (strcmp(part, "0.0.0.0") == 0 || strcmp(part, "::") == 0 ||
		    strcmp(part, "*") == 0)
			return "every address of its machine";
		if (addr_parse(&a, part, 1, ADDR_NUMERIC, &why) == 0 && is_public(&a))
			return "a public address";
	}
	return NULL;
}

/* Does it let in more than it needs? Returns how many things were said. */
static int
exposed(struct setup *s, const struct addr *a, const struct memcached *m)
{
	const char *where = exposure(m);
	struct findings *f = &s->f;
	char ip[INET6_ADDRSTRLEN];

	addr_ip(a, ip, sizeof(ip));
	if (where != NULL) {
		finding(f, VERDICT_WARNING, subject,
			"%s: listens on %s: whoever reaches it reads and changes the cache",
			a->text, where);
		finding_do(f, "-l %s, and let only the two nodes through the firewall to port %u",
			   ip, addr_port(a));
	}
	if (m->udp_port != 0) {
		finding(f, VERDICT_WARNING, subject,
			"%s: answers by UDP, port %" PRIu64
			": strangers can use it to flood others",
			a->text, m->udp_port);
		finding_do(f, "start it with -U 0");
	}
	return (where != NULL) + (m->udp_port != 0);
}

/* Is it ours alone? Returns how many things were said. */
static int
dedicated(struct setup *s, const struct setup_site *x, const struct addr *a,
	  const struct memcached *m)
{
	struct findings *f = &s->f;
	char name[MEMCACHED_TEXT_MAX];

	if (x->conf.name != NULL)
		snprintf(name, sizeof(name), "%s", x->conf.name);
	else
		snprintf(name, sizeof(name), "%s:%" PRIu64, x->conf.listen, x->conf.port);
	if (m->owner[0] != '\0' && strcmp(m->owner, name) != 0) {
		if (m->in_use) {
			finding(f, VERDICT_FAILED, subject,
				"%s: in use by the proxy named %s (this one is %s)", a->text,
				m->owner, name);
			finding_do(f, "give each proxy memcached servers of its own");
		} else {
			finding(f, VERDICT_WARNING, subject,
				"%s: was used by a proxy named %s: what is in it is taken over or "
				"emptied",
				a->text, m->owner);
			finding_do(f, "make sure that it is meant for %s", name);
		}
		return 1;
	}
	if (m->owner[0] == '\0' && m->items > 0) {
		finding(f, VERDICT_WARNING, subject,
			"%s: holds %" PRIu64
			" items that memvip has not put there: they may be emptied",
			a->text, m->items);
		finding_do(f, "if something else uses it, give memvip a memcached of its own");
		return 1;
	}
	return 0;
}

static int
sized(struct setup *s, const struct setup_site *x, const struct addr *a, const struct memcached *m,
      struct size *first)
{
	struct findings *f = &s->f;
	int n = 0;

	if (!m->evicts) {
		finding(f, VERDICT_WARNING, subject,
			"%s: refuses to store when it is full instead of evicting", a->text);
		finding_do(f, "start it without -M");
		n++;
	}
	if (first->text == NULL) {
		*first = (struct size){a->text, m->max_bytes, m->item_size_max};
	} else if (m->max_bytes != first->max_bytes || m->item_size_max != first->item_size_max) {
		finding(f, VERDICT_WARNING, subject,
			"%s: has %" PRIu64 " MiB, items up to %" PRIu64 " KiB; %s has %" PRIu64
			" MiB, %" PRIu64 " KiB: the smaller one loses what the larger one keeps",
			a->text, m->max_bytes >> 20, m->item_size_max >> 10, first->text,
			first->max_bytes >> 20, first->item_size_max >> 10);
		finding_do(f, "the same -m and -I for both");
		n++;
	}
	if (m->item_size_max != 0 && m->item_size_max < x->conf.max_value) {
		finding(f, VERDICT_WARNING, subject,
			"%s: takes items up to %" PRIu64 " KiB, the proxy values up to %" PRIu64
			" KiB",
			a->text, m->item_size_max >> 10, x->conf.max_value >> 10);
		finding_do(f, "-I %" PRIu64 "k for it, or a smaller max-value",
			   x->conf.max_value >> 10);
		n++;
	}
	return n;
}

static void
server_judge(struct setup *s, const struct setup_site *x, const struct addr *a, struct size *first)
{
	struct findings *f = &s->f;
	struct memcached m;
	char err[128];
	int said;

	if (is_loopback(a)) {
		finding(f, VERDICT_FAILED, subject, "%s: on the other node that is another server",
			a->text);
		finding_do(f,
			   "name it by its node's own address: the file is the same on both nodes");
		return;
	}
	if (memcached_ask(&m, a, ASK_MS, err, sizeof(err)) == -1) {
		unreachable(s, a, err);
		return;
	}
	if (!usable(s, a, &m))
		return;
	said = exposed(s, a, &m) + dedicated(s, x, a, &m) + sized(s, x, a, &m, first);
	if (said == 0)
		finding(f, VERDICT_OK, subject,
			"%s: version %s, %" PRIu64 " MiB, %" PRIu64 " item%s", a->text, m.version,
			m.max_bytes >> 20, m.items, m.items == 1 ? "" : "s");
}

void
setup_servers(struct setup *s, const struct setup_site *x)
{
	const struct conf_list *lists[2] = {&x->conf.servers, &x->conf.backups};
	static struct addr asked[2 * CONF_SERVERS_MAX];
	struct size first = {NULL, 0, 0};
	unsigned n = 0, known;

	for (unsigned l = 0; l < 2; l++) {
		for (unsigned i = 0; i < lists[l]->n; i++) {
			struct addr_server server;
			const char *why;

			if (addr_parse_server(&server, lists[l]->value[i], 11211, ADDR_RESOLVE,
					      &why) == -1) {
				finding(&s->f, VERDICT_FAILED, subject, "%s: %s",
					lists[l]->value[i], why);
				finding_do(&s->f, "correct it in %s, or write its IP address",
					   x->site.conf);
				continue;
			}
			/* A server may stand in both lists. */
			for (known = 0; known < n && !addr_equal(&asked[known], &server.addr);)
				known++;
			if (known < n)
				continue;
			asked[n] = server.addr;
			server_judge(s, x, &asked[n++], &first);
		}
	}
}
