/* filter: what a packet filter's rules do to VRRP. See filter.h. */
#include "filter.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define RULE_MAX   1024
#define CHAIN_MAX  128
#define CHAINS_MAX 512

struct line {
	char text[RULE_MAX]; /* without blanks at its ends */
};

/* Takes the next line off *at. Returns 1, or 0 at the end. */
static int
line_next(const char **at, struct line *l)
{
	const char *p = *at + strspn(*at, " \t\r\n");
	size_t n = strcspn(p, "\n");

	if (*p == '\0')
		return 0;
	*at = p + n;
	while (n > 0 && strchr(" \t\r", p[n - 1]) != NULL)
		n--;
	snprintf(l->text, sizeof(l->text), "%.*s", (int)n, p);
	return 1;
}

static int
is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == ':' || c == '_' || c == '-';
}

/* Is that word in the line, as a whole? */
static int
has_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = line; (p = strstr(p, word)) != NULL; p++)
		if ((p == line || !is_word_char(p[-1])) && !is_word_char(p[n]))
			return 1;
	return 0;
}

/* Does the rule speak of VRRP, by protocol or by its multicast address? */
static int
names_vrrp(const char *line, int v6)
{
	static const char *const by[] = {"vrrp",	  "112",	 "224.0.0.18",
					 "224.0.0.18/32", "224.0.0.0/4", "224.0.0.0/8",
					 "224.0.0.0/24"};
	static const char *const by6[] = {"vrrp", "112", "ff02::12", "ff02::12/128", "ff00::/8"};
	const char *const *words = v6 ? by6 : by;
	size_t n = v6 ? sizeof(by6) / sizeof(by6[0]) : sizeof(by) / sizeof(by[0]);

	for (size_t i = 0; i < n; i++) {
		/* "dport 112", "counter packets 112" are something else. */
		if (strcmp(words[i], "112") == 0 && strstr(line, "proto") == NULL &&
		    strstr(line, "nexthdr") == NULL && strstr(line, "-p ") == NULL)
			continue;
		if (has_word(line, words[i]))
			return 1;
	}
	return 0;
}

static int
names_peer(const char *line, const char *const *peers)
{
	for (; *peers != NULL; peers++)
		if (strstr(line, *peers) != NULL && strstr(line, "port") == NULL)
			return 1;
	return 0;
}

static void
decide(struct filter *f, enum filter_verdict v, const char *where, const char *what)
{
	/* What denies by name outweighs what allows, and that what drops all the rest. */
	static const int weight[] = {
	    [FILTER_OPEN] = 0, [FILTER_CLOSED] = 1, [FILTER_ALLOWED] = 2, [FILTER_DENIED] = 3};

	if (weight[v] <= weight[f->verdict])
		return;
	f->verdict = v;
	snprintf(f->why, sizeof(f->why), "chain %.90s: %.150s", where, what);
}

/* Is the rule about another interface? By "iif", "iifname", "-i" and the like. */
static int
names_other_interface(const char *rule, const struct filter_case *c)
{
	static const char *const by[][3] = {
	    [FILTER_IN] = {"iif", "iifname", "-i"}, [FILTER_OUT] = {"oif", "oifname", "-o"}};

	for (size_t i = 0; i < 3; i++)
		if (has_word(rule, by[c->way][i]))
			return !has_word(rule, c->interface);
	return 0;
}

/* ---- rules, one after the other ---- */

/* Where one is in the text, and what was read last. */
struct cursor {
	const struct filter_case *c;
	const char *at;
	/* nft: which braces are open, and whether what is in them matters. */
	int depth, matters, is_chain;
	char table[CHAIN_MAX]; /* "" with iptables */
	char chain[CHAIN_MAX];
	int base;		 /* not a rule: packets begin at this chain */
	int policy_drops;	 /* which drops what no rule has decided */
	int all, drops, accepts; /* what the rule does; all: it has no condition */
	struct line line;
};

/* Reads on to the next rule or beginning of a chain. Returns 1, or 0 at the end. */
typedef int next_fn(struct cursor *k);

/* Chains that packets come through. */
struct chains {
	struct {
		char table[CHAIN_MAX], name[CHAIN_MAX];
	} chain[CHAINS_MAX];
	unsigned n;
};

static int
chain_known(const struct chains *s, const char *table, const char *name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (strcmp(s->chain[i].name, name) == 0 && strcmp(s->chain[i].table, table) == 0)
			return 1;
	return 0;
}

static void
chain_add(struct chains *s, const char *table, const char *name)
{
	if (s->n == CHAINS_MAX || chain_known(s, table, name))
		return;
	snprintf(s->chain[s->n].table, CHAIN_MAX, "%s", table);
	snprintf(s->chain[s->n++].name, CHAIN_MAX, "%s", name);
}

/* The chains that a rule jumps to: "jump NAME", "goto NAME", "-j NAME", "-g NAME". */
static void
jumps_add(struct chains *s, const struct cursor *k)
{
	static const char *const words[] = {"jump ", "goto ", "-j ", "-g "};
	char name[CHAIN_MAX];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (const char *p = k->line.text; (p = strstr(p, words[i])) != NULL;) {
			p += strlen(words[i]);
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(p, " ,}"), p);
			chain_add(s, k->table, name);
		}
	}
}

/* Finds the chains that can be reached from where packets begin. */
static void
chains_find(struct chains *s, const char *rules, next_fn *next, const struct filter_case *c)
{
	unsigned was;

	s->n = 0;
	do {
		struct cursor k = {.c = c, .at = rules};

		was = s->n;
		while (next(&k)) {
			if (k.base)
				chain_add(s, k.table, k.chain);
			else if (chain_known(s, k.table, k.chain))
				jumps_add(s, &k);
		}
	} while (s->n > was);
}

static void
rules_judge(struct filter *f, const char *rules, next_fn *next, const struct filter_case *c)
{
	static struct chains reached;
	struct cursor k = {.c = c, .at = rules};
	char chain[CHAIN_MAX] = "";
	int base = 0, allowed = 0;

	memset(f, 0, sizeof(*f));
	chains_find(&reached, rules, next, c);
	while (next(&k)) {
		const char *text = k.line.text;
		int by_name = names_vrrp(text, c->v6);

		if (strcmp(chain, k.chain) != 0) {
			memcpy(chain, k.chain, sizeof(chain));
			base = allowed = 0;
		}
		base |= k.base;
		if (k.base && k.policy_drops)
			decide(f, FILTER_CLOSED, k.chain, "policy drop");
		/* Behind a rule that lets it through no other one of the chain is asked. */
		if (k.base || allowed || names_other_interface(text, c) ||
		    !chain_known(&reached, k.table, k.chain))
			continue;
		if (k.drops && by_name) {
			decide(f, FILTER_DENIED, k.chain, text);
		} else if (k.drops && base && k.all) {
			decide(f, FILTER_CLOSED, k.chain, text);
		} else if (k.accepts &&
			   (by_name || names_peer(text, c->peers) || (base && k.all))) {
			decide(f, FILTER_ALLOWED, k.chain, text);
			allowed = 1;
		}
	}
}

/* ---- nft ---- */

/* "table inet filter {": does this family see the packets? */
static int
family_matters(const char *line, int v6)
{
	return strncmp(line, "table inet ", 11) == 0 ||
	       strncmp(line, v6 ? "table ip6 " : "table ip ", v6 ? 10 : 9) == 0;
}

/* A rule whose statement stands without a condition: "drop", "counter packets 1 bytes 2 reject". */
static int
nft_unconditional(const char *rule)
{
	unsigned packets, bytes;
	int n = 0;

	if (sscanf(rule, "counter packets %u bytes %u %n", &packets, &bytes, &n) >= 2 && n > 0)
		rule += n;
	else if (strncmp(rule, "counter ", 8) == 0)
		rule += 8;
	if (strncmp(rule, "log ", 4) == 0)
		return 0;
	return strncmp(rule, "drop", 4) == 0 || strncmp(rule, "reject", 6) == 0 ||
	       strncmp(rule, "accept", 6) == 0;
}

/* A line within a chain. Returns 1 when it says something. */
static int
nft_line(struct cursor *k)
{
	const char *text = k->line.text;

	k->base = strncmp(text, "type ", 5) == 0;
	if (k->base) {
		k->policy_drops = strstr(text, "policy drop") != NULL;
		return strstr(text, k->c->way == FILTER_IN ? "hook input " : "hook output ") !=
		       NULL;
	}
	k->all = nft_unconditional(text);
	k->drops = has_word(text, "drop") || has_word(text, "reject");
	k->accepts = has_word(text, "accept");
	return 1;
}

static int
nft_next(struct cursor *k)
{
	while (line_next(&k->at, &k->line)) {
		const char *text = k->line.text;
		size_t n = strlen(text);

		if (text[n - 1] == '{') {
			if (k->depth == 0) {
				k->matters = family_matters(text, k->c->v6);
				snprintf(k->table, sizeof(k->table), "%.100s", text);
			}
			k->is_chain = k->depth == 1 && sscanf(text, "chain %127s", k->chain) == 1;
			k->depth++;
		} else if (text[0] == '}') {
			k->depth--;
		} else if (k->depth == 2 && k->matters && k->is_chain && nft_line(k)) {
			return 1;
		}
	}
	return 0;
}

void
filter_nft(struct filter *f, const char *rules, const struct filter_case *c)
{
	rules_judge(f, rules, nft_next, c);
}

/* ---- iptables ---- */

static int
iptables_next(struct cursor *k)
{
	const char *mine = k->c->way == FILTER_IN ? "INPUT" : "OUTPUT";

	while (line_next(&k->at, &k->line)) {
		const char *text = k->line.text, *jump;
		int n = 0;

		k->base = sscanf(text, "-P %127s %n", k->chain, &n) == 1 && n > 0;
		if (k->base && strcmp(k->chain, mine) == 0) {
			k->policy_drops = strcmp(text + n, "ACCEPT") != 0;
			return 1;
		}
		n = 0;
		if (k->base || sscanf(text, "-A %127s %n", k->chain, &n) != 1 || n == 0 ||
		    (jump = strstr(text + n, "-j ")) == NULL)
			continue;
		k->all = jump == text + n;
		k->drops = strncmp(jump + 3, "DROP", 4) == 0 || strncmp(jump + 3, "REJECT", 6) == 0;
		k->accepts = strncmp(jump + 3, "ACCEPT", 6) == 0;
		return 1;
	}
	return 0;
}

void
filter_iptables(struct filter *f, const char *rules, const struct filter_case *c)
{
	rules_judge(f, rules, iptables_next, c);
}
