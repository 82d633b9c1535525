/* filter: what a packet filter's rules do to VRRP. See filter.h. */
#include "filter.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define RULE_MAX 1024

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
	snprintf(f->why, sizeof(f->why), "%.100s: %.150s", where, what);
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

/* A chain that is read. */
struct chain {
	char name[RULE_MAX];
	int base;    /* packets begin here; others are jumped to */
	int allowed; /* by a rule before: what comes behind it is not asked any more */
};

/* all: the rule has no condition. Chains that are jumped to count for what they say by name. */
static void
rule_judge(struct filter *f, struct chain *chain, const char *rule, const struct filter_case *c,
	   int all, int drops, int accepts)
{
	int by_name = names_vrrp(rule, c->v6);

	if (names_other_interface(rule, c) || chain->allowed)
		return;
	if (drops && by_name) {
		decide(f, FILTER_DENIED, chain->name, rule);
	} else if (drops && chain->base && all) {
		decide(f, FILTER_CLOSED, chain->name, rule);
	} else if (accepts && (by_name || names_peer(rule, c->peers) || (chain->base && all))) {
		decide(f, FILTER_ALLOWED, chain->name, rule);
		chain->allowed = 1;
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

/* "type filter hook input priority filter; policy drop;". Returns 0 when the chain is of no interest. */
static int
nft_base(struct filter *f, struct chain *chain, const char *text, const struct filter_case *c)
{
	chain->base = strstr(text, c->way == FILTER_IN ? "hook input " : "hook output ") != NULL;
	if (chain->base && strstr(text, "policy drop") != NULL)
		decide(f, FILTER_CLOSED, chain->name, "policy drop");
	return chain->base;
}

void
filter_nft(struct filter *f, const char *rules, const struct filter_case *c)
{
	struct chain chain;
	int matters = 0, is_chain = 0, depth = 0;
	struct line l;

	memset(f, 0, sizeof(*f));
	while (line_next(&rules, &l)) {
		size_t n = strlen(l.text);

		if (l.text[n - 1] == '{') {
			if (depth == 0)
				matters = family_matters(l.text, c->v6);
			is_chain = depth == 1 && strncmp(l.text, "chain ", 6) == 0;
			memset(&chain, 0, sizeof(chain));
			memcpy(chain.name, l.text, n > 2 ? n - 2 : 0);
			depth++;
		} else if (l.text[0] == '}') {
			depth--;
		} else if (depth != 2 || !matters || !is_chain) {
			continue;
		} else if (strncmp(l.text, "type ", 5) == 0) {
			is_chain = nft_base(f, &chain, l.text, c);
		} else {
			rule_judge(f, &chain, l.text, c, nft_unconditional(l.text),
				   has_word(l.text, "drop") || has_word(l.text, "reject"),
				   has_word(l.text, "accept"));
		}
	}
}

/* ---- iptables ---- */

void
filter_iptables(struct filter *f, const char *rules, const struct filter_case *c)
{
	const char *mine = c->way == FILTER_IN ? "INPUT" : "OUTPUT";
	const char *other = c->way == FILTER_IN ? "OUTPUT" : "INPUT";
	struct chain chain;
	struct line l;

	memset(f, 0, sizeof(*f));
	memset(&chain, 0, sizeof(chain));
	while (line_next(&rules, &l)) {
		char name[64];
		const char *rest, *jump;
		int n = 0;

		if (sscanf(l.text, "-P %63s %n", name, &n) == 1 && n > 0) {
			if (strcmp(name, mine) == 0 && strcmp(l.text + n, "ACCEPT") != 0)
				decide(f, FILTER_CLOSED, mine, l.text);
			continue;
		}
		if (sscanf(l.text, "-A %63s %n", name, &n) != 1 || n == 0 ||
		    strcmp(name, other) == 0 || strcmp(name, "FORWARD") == 0)
			continue;
		rest = l.text + n;
		if ((jump = strstr(rest, "-j ")) == NULL)
			continue;
		if (strcmp(chain.name, name) != 0) {
			memset(&chain, 0, sizeof(chain));
			snprintf(chain.name, sizeof(chain.name), "%s", name);
			chain.base = strcmp(name, mine) == 0;
		}
		rule_judge(f, &chain, l.text, c, jump == rest,
			   strncmp(jump + 3, "DROP", 4) == 0 || strncmp(jump + 3, "REJECT", 6) == 0,
			   strncmp(jump + 3, "ACCEPT", 6) == 0);
	}
}
