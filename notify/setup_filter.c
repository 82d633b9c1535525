/* setup_filter: do the packet filter's rules let VRRP in and out? See setup_filter.h. */
#include "setup_filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "filter.h"
#include "tool.h"

#define RUN_MS	  5000
#define PEERS_MAX 8

static const char subject[] = "firewall";

struct peers {
	char text[PEERS_MAX][INET6_ADDRSTRLEN];
	const char *list[PEERS_MAX + 1];
	unsigned n;
};

static void
peer_add(const struct addr *a, void *arg)
{
	struct peers *p = arg;

	if (p->n == PEERS_MAX)
		return;
	addr_ip(a, p->text[p->n], sizeof(p->text[0]));
	p->list[p->n] = p->text[p->n];
	p->n++;
}

/*
 * iptables' own rules, those that are not nftables' in disguise: only where the kernel has such a table
 * already, for asking would make one.
 */
static int
legacy_rules(struct tool *t, int v6)
{
	const char *const ask[] = {v6 ? "ip6tables-legacy" : "iptables-legacy", "-S", NULL};
	char tables[256];

	memset(t, 0, sizeof(*t));
	if (file_read(-1, v6 ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names", tables,
		      sizeof(tables)) < 1 ||
	    strstr(tables, "filter") == NULL)
		return -1;
	return tool_run(t, ask, RUN_MS);
}

/* Says one verdict. Returns 1 when there was something to say. */
static int
say(struct setup *s, const struct filter *f, const char *which, enum filter_way way)
{
	const char *dir = way == FILTER_IN ? "in" : "out";

	switch (f->verdict) {
	case FILTER_OPEN:
		return 0;
	case FILTER_ALLOWED:
		finding(&s->f, VERDICT_OK, subject, "%s: VRRP may come %s: %s", which, dir, f->why);
		return 1;
	case FILTER_CLOSED:
		finding(&s->f, VERDICT_WARNING, subject,
			"%s: VRRP may not come %s: %s, and no rule names it", which, dir, f->why);
		break;
	case FILTER_DENIED:
		finding(&s->f, VERDICT_FAILED, subject, "%s: VRRP may not come %s: %s", which, dir,
			f->why);
		break;
	}
	finding_do(&s->f,
		   "let IP protocol 112 through between the nodes, and the port from the clients");
	return 1;
}

void
setup_filter(struct setup *s, const struct setup_site *x)
{
	static const char *const nft[] = {"nft", "list", "ruleset", NULL};
	struct filter_case c = {.v6 = x->site.vip.u.sa.sa_family == AF_INET6,
				.interface = x->v->interface};
	int told = 0, looked = 0;
	struct peers peers;
	struct filter f;
	struct tool t;

	memset(&peers, 0, sizeof(peers));
	kvrrp_each_peer(x->v, peer_add, &peers);
	c.peers = peers.list;
	if (tool_run(&t, nft, RUN_MS) == 0 && t.status == 0) {
		looked = 1;
		for (c.way = FILTER_IN; c.way <= FILTER_OUT; c.way++) {
			filter_nft(&f, t.text != NULL ? t.text : "", &c);
			told |= say(s, &f, "nftables", c.way);
		}
	}
	tool_free(&t);
	if (legacy_rules(&t, c.v6) == 0 && t.status == 0) {
		looked = 1;
		for (c.way = FILTER_IN; c.way <= FILTER_OUT; c.way++) {
			filter_iptables(&f, t.text != NULL ? t.text : "", &c);
			told |= say(s, &f, "iptables", c.way);
		}
	}
	tool_free(&t);
	if (!looked)
		finding(&s->f, VERDICT_OK, subject, "no rules to be seen: %s",
			tool_exists("nft") ? "nft lists none" : "there is no nft here");
	else if (!told)
		finding(&s->f, VERDICT_OK, subject, "nothing on this node drops VRRP");
}
