/* pairs: lines of "key value". See pairs.h. */
#include "pairs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "num.h"

void
pairs_init(struct pairs *p, char *buf, size_t size)
{
	p->buf = buf;
	p->size = size;
	p->len = 0;
	p->full = 0;
	buf[0] = '\0';
}

void
pairs_text(struct pairs *p, const char *key, const char *value)
{
	char *line = p->buf + p->len;
	size_t room = p->size - p->len;
	int n = snprintf(line, room, "%s %s\n", key, value);

	if (n < 0 || (size_t)n >= room) {
		p->full = 1;
		line[0] = '\0';
		return;
	}
	for (int i = 0; i < n - 1; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	p->len += (size_t)n;
}

void
pairs_number(struct pairs *p, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	pairs_text(p, key, text);
}

void
pairs_ident(struct pairs *p, const char *key, const struct ident *id)
{
	char text[48];

	snprintf(text, sizeof(text), "%d %" PRIu64, (int)id->pid, id->start_ticks);
	pairs_text(p, key, text);
}

char *
pairs_next(char **at, char **value)
{
	char *key = *at, *end = strchr(key, '\n'), *blank;

	if (end == NULL)
		return NULL;
	*end = '\0';
	*at = end + 1;
	blank = strchr(key, ' ');
	if (blank == NULL) {
		*value = end;
	} else {
		*blank = '\0';
		*value = blank + 1;
	}
	return key;
}

int
pairs_get_number(const char *value, uint64_t max, uint64_t *out)
{
	const char *why;

	return num_parse(value, 0, max, out, &why);
}

int
pairs_get_ident(const char *value, struct ident *out)
{
	char pid_text[16];
	const char *blank = strchr(value, ' ');
	size_t n = blank != NULL ? (size_t)(blank - value) : 0;
	uint64_t pid, start;

	if (n == 0 || n >= sizeof(pid_text))
		return -1;
	memcpy(pid_text, value, n);
	pid_text[n] = '\0';
	if (pairs_get_number(pid_text, INT32_MAX, &pid) == -1 ||
	    pairs_get_number(blank + 1, UINT64_MAX, &start) == -1)
		return -1;
	out->pid = (pid_t)pid;
	out->start_ticks = start;
	return 0;
}
