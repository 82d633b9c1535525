/* kvrrp: what keepalived's configuration says about instances. See kvrrp.h. */
#include "kvrrp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* keepalived.conf(5): defaults. */
#define INTERVAL_S 1.0
#define ADVERT_S   1.0

static double
seconds(const struct kline *block, const char *name, double otherwise)
{
	const struct kline *l = kconf_find(block, name);

	return l != NULL ? strtod(kline_word(l, 1), NULL) : otherwise;
}

void
kglobal_read(struct kglobal *g, const struct kconf *k)
{
	memset(g, 0, sizeof(*g));
	g->mcast4 = "224.0.0.18";
	g->mcast6 = "ff02::12";
	for (const struct kline *l = kconf_find(k->first, "global_defs"); l != NULL;
	     l = kconf_find(l->next, "global_defs")) {
		for (const struct kline *o = l->block; o != NULL; o = o->next) {
			if (strcmp(o->word[0], "script_user") == 0)
				g->script_user = kline_word(o, 1);
			else if (strcmp(o->word[0], "enable_script_security") == 0)
				g->script_security = 1;
			else if (strcmp(o->word[0], "vrrp_garp_master_refresh") == 0)
				g->garp_refresh = strtod(kline_word(o, 1), NULL) > 0;
			else if (strcmp(o->word[0], "vrrp_mcast_group4") == 0)
				g->mcast4 = kline_word(o, 1);
			else if (strcmp(o->word[0], "vrrp_mcast_group6") == 0)
				g->mcast6 = kline_word(o, 1);
		}
	}
}

/* ---- commands ---- */

/* Takes "PATH ARG 'AN ARG'" apart. */
static void
command_split(struct kcommand *c, const char *text)
{
	char *out = c->text, *end = c->text + sizeof(c->text) - 1;

	c->argc = 0;
	while (*(text += strspn(text, " \t")) != '\0' && c->argc < KCOMMAND_WORDS_MAX &&
	       out < end) {
		char quote = '\0';

		c->argv[c->argc++] = out;
		for (; *text != '\0' && out < end; text++) {
			if (quote != '\0' ? *text == quote : *text == '\'' || *text == '"')
				quote = quote != '\0' ? '\0' : *text;
			else if (quote == '\0' && (*text == ' ' || *text == '\t'))
				break;
			else
				*out++ = *text;
		}
		*out = '\0';
		if (out < end)
			out++;
	}
	c->argv[c->argc] = NULL;
}

/* "notify COMMAND [USER [GROUP]]": the command is one word, with quotes where it has arguments. */
static void
command_of_notify(struct kcommand *c, const struct kline *l)
{
	memset(c, 0, sizeof(*c));
	if (l == NULL || l->n < 2)
		return;
	c->at = l;
	command_split(c, l->word[1]);
	if (l->n > 2)
		c->user = l->word[2];
}

/* "script COMMAND", where the arguments may stand without quotes too; "user USER" beside it. */
static void
command_of_script(struct kcommand *c, const struct kline *block)
{
	const struct kline *l = kconf_find(block, "script"), *user = kconf_find(block, "user");
	char text[KCOMMAND_TEXT_MAX];
	size_t n = 0;

	memset(c, 0, sizeof(*c));
	if (l == NULL)
		return;
	for (unsigned i = 1; i < l->n && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i > 1 ? " " : "",
				      l->word[i]);
	c->at = l;
	if (n > 0)
		command_split(c, text);
	if (user != NULL && user->n > 1)
		c->user = user->word[1];
}

int
kcommand_is(const struct kcommand *c, const char *program)
{
	const char *slash;

	if (c->argc == 0)
		return 0;
	slash = strrchr(c->argv[0], '/');
	return strcmp(slash != NULL ? slash + 1 : c->argv[0], program) == 0;
}

const char *
kcommand_user(const struct kcommand *c, const struct kglobal *g)
{
	return c->user != NULL ? c->user : g->script_user;
}

/* ---- instances ---- */

/* The sync group that names the instance, NULL: none. */
static const struct kline *
group_of(const struct kconf *k, const char *name)
{
	for (const struct kline *g = kconf_find(k->first, "vrrp_sync_group"); g != NULL;
	     g = kconf_find(g->next, "vrrp_sync_group")) {
		const struct kline *members = kconf_find(g->block, "group");

		if (members == NULL)
			continue;
		for (const struct kline *m = members->block; m != NULL; m = m->next)
			for (unsigned i = 0; i < m->n; i++)
				if (strcmp(m->word[i], name) == 0)
					return g;
	}
	return NULL;
}

void
kvrrp_read(struct kvrrp *v, const struct kconf *k, const struct kline *at)
{
	const struct kline *l, *g;

	memset(v, 0, sizeof(*v));
	v->at = at;
	v->name = kline_word(at, 1);
	l = kconf_find(at->block, "interface");
	v->interface = l != NULL ? kline_word(l, 1) : "";
	l = kconf_find(at->block, "virtual_router_id");
	v->vrid = l != NULL ? (unsigned)strtoul(kline_word(l, 1), NULL, 10) : 0;
	v->advert_s = seconds(at->block, "advert_int", ADVERT_S);
	l = kconf_find(at->block, "state");
	v->state_master = l != NULL && strcmp(kline_word(l, 1), "MASTER") == 0;
	v->nopreempt = kconf_find(at->block, "nopreempt") != NULL;
	v->preempt_delay = seconds(at->block, "preempt_delay", 0) > 0;
	v->garp_refresh = seconds(at->block, "garp_master_refresh", 0) > 0;
	v->unicast = kconf_find(at->block, "unicast_peer") != NULL;
	g = group_of(k, v->name);
	v->group = g != NULL ? kline_word(g, 1) : NULL;
	command_of_notify(&v->notify, kconf_find(at->block, "notify"));
	if (v->notify.argc == 0 && g != NULL) {
		command_of_notify(&v->notify, kconf_find(g->block, "notify"));
		v->by_group = v->notify.argc > 0;
	}
}

/* The first word of each line of the blocks of that name, up to its prefix length, if an address. */
static void
each_address(const struct kvrrp *v, const char *name, void (*each)(const struct addr *, void *),
	     void *arg)
{
	char text[INET6_ADDRSTRLEN];
	const char *why;
	struct addr a;

	for (const struct kline *b = kconf_find(v->at->block, name); b != NULL;
	     b = kconf_find(b->next, name)) {
		for (const struct kline *l = b->block; l != NULL; l = l->next) {
			snprintf(text, sizeof(text), "%.*s", (int)strcspn(l->word[0], "/"),
				 l->word[0]);
			if (addr_parse(&a, text, 0, ADDR_NUMERIC, &why) == 0)
				each(&a, arg);
		}
	}
}

void
kvrrp_each_vip(const struct kvrrp *v, void (*each)(const struct addr *a, void *arg), void *arg)
{
	each_address(v, "virtual_ipaddress", each, arg);
	each_address(v, "virtual_ipaddress_excluded", each, arg);
}

void
kvrrp_each_peer(const struct kvrrp *v, void (*each)(const struct addr *a, void *arg), void *arg)
{
	each_address(v, "unicast_peer", each, arg);
}

struct wanted {
	struct addr a;
	int found;
};

static void
compare(const struct addr *a, void *arg)
{
	struct wanted *w = arg;

	addr_set_port(&w->a, addr_port(a));
	w->found |= addr_equal(a, &w->a);
}

int
kvrrp_has_vip(const struct kvrrp *v, const struct addr *vip)
{
	struct wanted w = {*vip, 0};

	kvrrp_each_vip(v, compare, &w);
	return w.found;
}

/* One tracked script: "NAME [weight N]". */
static void
script_read(struct kscript *s, const struct kconf *k, const struct kline *tracked)
{
	const struct kline *l, *w;

	memset(s, 0, sizeof(*s));
	s->name = tracked->word[0];
	for (l = kconf_find(k->first, "vrrp_script"); l != NULL;
	     l = kconf_find(l->next, "vrrp_script"))
		if (strcmp(kline_word(l, 1), s->name) == 0)
			break;
	if (l == NULL)
		return;
	command_of_script(&s->command, l->block);
	s->interval_s = seconds(l->block, "interval", INTERVAL_S);
	s->timeout_s = seconds(l->block, "timeout", s->interval_s);
	w = kconf_find(l->block, "weight");
	s->weighted = w != NULL && atoi(kline_word(w, 1)) != 0;
	if (strcmp(kline_word(tracked, 1), "weight") == 0)
		s->weighted = atoi(kline_word(tracked, 2)) != 0;
}

int
kvrrp_script(struct kscript *s, const struct kvrrp *v, const struct kconf *k, unsigned i)
{
	const struct kline *owners[2] = {v->at, group_of(k, v->name)};

	for (unsigned o = 0; o < 2 && owners[o] != NULL; o++) {
		for (const struct kline *b = kconf_find(owners[o]->block, "track_script");
		     b != NULL; b = kconf_find(b->next, "track_script")) {
			for (const struct kline *l = b->block; l != NULL; l = l->next) {
				if (i-- > 0)
					continue;
				script_read(s, k, l);
				return 1;
			}
		}
	}
	return 0;
}

const struct kline *
kvrrp_one_state_hook(const struct kvrrp *v, const struct kconf *k, const char *program)
{
	static const char *const names[] = {"notify_master", "notify_backup", "notify_fault",
					    "notify_stop"};
	const struct kline *owners[2] = {v->at, group_of(k, v->name)}, *l;
	struct kcommand c;

	for (unsigned o = 0; o < 2 && owners[o] != NULL; o++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			l = kconf_find(owners[o]->block, names[i]);
			command_of_notify(&c, l);
			if (kcommand_is(&c, program))
				return l;
		}
	}
	return NULL;
}
