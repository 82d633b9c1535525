/* state: what is known of one custody. See state.h. */
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "file.h"
#include "pairs.h"

int
state_format(const struct state *s, const char *boot, char *buf, size_t size)
{
	struct pairs p;

	pairs_init(&p, buf, size);
	pairs_text(&p, "boot", boot);
	pairs_text(&p, "listen", s->listen);
	pairs_text(&p, "conf", s->conf);
	order_word_format(&p, &s->word);
	pairs_number(&p, "said_at", (uint64_t)s->said_s);
	pairs_text(&p, "phase", s->phase);
	pairs_text(&p, "note", s->note);
	pairs_number(&p, "since", (uint64_t)s->since_s);
	pairs_number(&p, "restarts", s->restarts);
	pairs_ident(&p, "custodian", &s->custodian);
	pairs_ident(&p, "proxy", &s->proxy);
	pairs_ident(&p, "keepalived", &s->keepalived);
	pairs_text(&p, "end", "");
	return p.full ? -1 : 0;
}

/* One line. Returns 0, or -1 when its value cannot be. */
static int
state_line(struct state *s, const char *key, const char *value)
{
	uint64_t n;

	if (strcmp(key, "listen") == 0)
		return order_copy(s->listen, sizeof(s->listen), value);
	if (strcmp(key, "conf") == 0)
		return order_copy(s->conf, sizeof(s->conf), value);
	if (strcmp(key, "phase") == 0)
		return order_copy(s->phase, sizeof(s->phase), value);
	if (strcmp(key, "note") == 0)
		return order_copy(s->note, sizeof(s->note), value);
	if (strcmp(key, "custodian") == 0)
		return pairs_get_ident(value, &s->custodian);
	if (strcmp(key, "proxy") == 0)
		return pairs_get_ident(value, &s->proxy);
	if (strcmp(key, "keepalived") == 0)
		return pairs_get_ident(value, &s->keepalived);
	if (strcmp(key, "restarts") == 0)
		return pairs_get_number(value, UINT64_MAX, &s->restarts);
	if (strcmp(key, "said_at") == 0 || strcmp(key, "since") == 0) {
		if (pairs_get_number(value, INT64_MAX, &n) == -1)
			return -1;
		*(key[1] == 'a' ? &s->said_s : &s->since_s) = (int64_t)n;
		return 0;
	}
	(void)order_word_parse(&s->word, key, value);
	return 0;
}

int
state_parse(struct state *s, const char *boot, char *text)
{
	char *at = text, *key, *value;
	int ended = 0, err = 0;

	memset(s, 0, sizeof(*s));
	while (err == 0 && (key = pairs_next(&at, &value)) != NULL) {
		if (strcmp(key, "boot") == 0 && strcmp(value, boot) != 0)
			err = ESTALE;
		else if (strcmp(key, "end") == 0)
			ended = 1;
		else if (state_line(s, key, value) == -1)
			err = EBADMSG;
	}
	if (err == 0 && (!ended || s->listen[0] == '\0'))
		err = EBADMSG;
	if (err == 0)
		return 0;
	memset(s, 0, sizeof(*s));
	errno = err;
	return -1;
}

static void
state_name(char *name, size_t size, const char *key)
{
	snprintf(name, size, "custody-%s.state", key);
}

int
state_write(int dir, const char *key, const struct state *s)
{
	char name[128], text[STATE_TEXT_MAX], boot[BOOT_ID_MAX];

	if (boot_id(boot) == -1)
		return -1;
	if (state_format(s, boot, text, sizeof(text)) == -1) {
		errno = EMSGSIZE;
		return -1;
	}
	state_name(name, sizeof(name), key);
	return file_replace(dir, name, text, 0644);
}

int
state_read(int dir, const char *key, struct state *s)
{
	char name[128], text[STATE_TEXT_MAX], boot[BOOT_ID_MAX];

	memset(s, 0, sizeof(*s));
	state_name(name, sizeof(name), key);
	if (file_read(dir, name, text, sizeof(text)) == -1 || boot_id(boot) == -1)
		return -1;
	return state_parse(s, boot, text);
}

void
state_remove(int dir, const char *key)
{
	char name[128];

	state_name(name, sizeof(name), key);
	(void)unlinkat(dir, name, 0);
}
