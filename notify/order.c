/* order: what a hook asks of the custodian. See order.h. */
#include "order.h"

#include <string.h>

#include "pairs.h"

static const char *const what_names[] = {
    [ARGS_HOOK] = "hook",
    [ARGS_SYNC] = "sync",
    [ARGS_STATUS] = "status",
    [ARGS_STOP] = "stop",
};

int
order_copy(char *out, size_t size, const char *value)
{
	size_t n = strlen(value);

	if (n >= size)
		return -1;
	memcpy(out, value, n + 1);
	return 0;
}

void
order_word_format(struct pairs *p, const struct word *w)
{
	if (w->state == WORD_NONE)
		return;
	pairs_text(p, "said_by", w->group ? "GROUP" : "INSTANCE");
	pairs_text(p, "said_name", w->name);
	pairs_text(p, "said_state", word_state_name(w->state));
	pairs_number(p, "said_priority", w->priority);
}

int
order_word_parse(struct word *w, const char *key, const char *value)
{
	uint64_t n;

	if (strcmp(key, "said_by") == 0)
		w->group = strcmp(value, "GROUP") == 0;
	else if (strcmp(key, "said_name") == 0)
		(void)order_copy(w->name, sizeof(w->name), value);
	else if (strcmp(key, "said_state") == 0)
		(void)word_state_parse(value, &w->state);
	else if (strcmp(key, "said_priority") == 0 && pairs_get_number(value, 255, &n) == 0)
		w->priority = (unsigned)n;
	else
		return 0;
	return 1;
}

int
order_deletes(const struct order *o)
{
	return o->what == ARGS_HOOK && o->word.state == WORD_DELETED && !o->word.group;
}

int
order_format(const struct order *o, char *buf, size_t size)
{
	struct pairs p;

	pairs_init(&p, buf, size);
	pairs_text(&p, "ask", what_names[o->what]);
	order_word_format(&p, &o->word);
	pairs_ident(&p, o->by_ancestry ? "ancestor" : "keepalived", &o->keepalived);
	pairs_text(&p, "conf", o->conf);
	pairs_text(&p, "proxy", o->proxy);
	pairs_number(&p, "keep_vip", (unsigned)o->keep_vip);
	return p.full ? -1 : 0;
}

int
order_parse(struct order *o, char *text)
{
	char *at = text, *key, *value;
	int asked = 0;
	uint64_t n;

	memset(o, 0, sizeof(*o));
	while ((key = pairs_next(&at, &value)) != NULL) {
		if (strcmp(key, "ask") == 0) {
			for (size_t i = 0; i < sizeof(what_names) / sizeof(what_names[0]); i++) {
				if (strcmp(value, what_names[i]) == 0) {
					o->what = (enum args_what)i;
					asked = 1;
				}
			}
		} else if (strcmp(key, "keepalived") == 0 || strcmp(key, "ancestor") == 0) {
			o->by_ancestry = key[0] == 'a';
			if (pairs_get_ident(value, &o->keepalived) == -1)
				return -1;
		} else if (strcmp(key, "conf") == 0) {
			if (order_copy(o->conf, sizeof(o->conf), value) == -1)
				return -1;
		} else if (strcmp(key, "proxy") == 0) {
			if (order_copy(o->proxy, sizeof(o->proxy), value) == -1)
				return -1;
		} else if (strcmp(key, "keep_vip") == 0) {
			o->keep_vip = pairs_get_number(value, 1, &n) == 0 && n == 1;
		} else {
			(void)order_word_parse(&o->word, key, value);
		}
	}
	if (!asked || o->what == ARGS_STATUS || o->conf[0] == '\0' || o->proxy[0] == '\0')
		return -1;
	return o->what == ARGS_HOOK && o->word.state == WORD_NONE ? -1 : 0;
}
