/* memcached: what one server says of itself. See memcached.h. */
#include "memcached.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "num.h"
#include "talk.h"

/* The proxy's marker and lease: proxy/marker.h. */
#define MARKER "__memvip__"
#define LEASE  "__memvip_lease__"
#define MAGIC  "memvip 1 "

static void
number(uint64_t *out, const char *value)
{
	const char *why;

	(void)num_parse(value, 0, UINT64_MAX, out, &why);
}

static void
text(char *out, size_t size, const char *value)
{
	snprintf(out, size, "%.*s", (int)(size - 1), value);
}

void
memcached_line(struct memcached *m, const char *line)
{
	const char *value;
	char name[64];

	if (strncmp(line, "VERSION ", 8) == 0)
		text(m->version, sizeof(m->version), line + 8);
	if (strncmp(line, "STAT ", 5) != 0)
		return;
	line += 5;
	if ((value = strchr(line, ' ')) == NULL)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(value - line), line);
	value++;
	if (strcmp(name, "inter") == 0)
		text(m->inter, sizeof(m->inter), value);
	else if (strcmp(name, "udpport") == 0)
		number(&m->udp_port, value);
	else if (strcmp(name, "maxbytes") == 0)
		number(&m->max_bytes, value);
	else if (strcmp(name, "item_size_max") == 0)
		number(&m->item_size_max, value);
	else if (strcmp(name, "curr_items") == 0)
		number(&m->items, value);
	else if (strcmp(name, "flush_enabled") == 0)
		m->flush = strcmp(value, "no") != 0;
	else if (strcmp(name, "dump_enabled") == 0)
		m->listing = strcmp(value, "no") != 0;
	else if (strcmp(name, "cas_enabled") == 0)
		m->cas = strcmp(value, "no") != 0;
	else if (strcmp(name, "evictions") == 0)
		m->evicts = strcmp(value, "off") != 0;
}

/* Asks for a list of STAT lines. Returns 0, or -1 with errno set; EACCES: it wants a password. */
static int
ask_stats(struct memcached *m, struct talk *t, const char *question)
{
	const char *line;

	if (talk_say(t, question) == -1)
		return -1;
	while ((line = talk_line(t)) != NULL && strcmp(line, "END") != 0) {
		memcached_line(m, line);
		if (strstr(line, "unauthenticated") != NULL) {
			m->auth = 1;
			return 0;
		}
		if (strncmp(line, "STAT ", 5) != 0) {
			errno = EPROTO;
			return -1;
		}
	}
	return line != NULL ? 0 : -1;
}

/* Whose marker is there, and does he live? A server without meta commands answers ERROR. */
static int
ask_marker(struct memcached *m, struct talk *t)
{
	const char *line;
	char state[8] = "";

	if (talk_say(t, "mg " MARKER " v\r\n") == -1 || (line = talk_line(t)) == NULL)
		return -1;
	if (strncmp(line, "VA ", 3) == 0) {
		if ((line = talk_line(t)) == NULL)
			return -1;
		/* NAME EPOCH SESSION open|clean ... */
		if (strncmp(line, MAGIC, sizeof(MAGIC) - 1) == 0)
			(void)sscanf(line + sizeof(MAGIC) - 1, "%127s %*s %*s %7s", m->owner,
				     state);
	}
	if (talk_say(t, "mg " LEASE "\r\n") == -1 || (line = talk_line(t)) == NULL)
		return -1;
	m->in_use = strncmp(line, "HD", 2) == 0 && strcmp(state, "open") == 0;
	return 0;
}

int
memcached_ask(struct memcached *m, const struct addr *to, int timeout_ms, char *err, size_t size)
{
	const char *line;
	struct talk t;
	int rc = -1;

	memset(m, 0, sizeof(*m));
	m->flush = m->listing = m->cas = m->evicts = 1;
	if (talk_open(&t, to, timeout_ms) == 0) {
		if (talk_say(&t, "version\r\n") == 0 && (line = talk_line(&t)) != NULL) {
			memcached_line(m, line);
			m->auth = strstr(line, "unauthenticated") != NULL;
			rc = m->auth ? 0 : ask_stats(m, &t, "stats\r\n");
			if (rc == 0 && !m->auth)
				rc = ask_stats(m, &t, "stats settings\r\n");
			if (rc == 0 && !m->auth)
				rc = ask_marker(m, &t);
		}
	}
	if (rc == -1)
		snprintf(err, size, "%s", strerror(errno));
	talk_close(&t);
	return rc;
}

int
memcached_is(const struct memcached *m, unsigned major, unsigned minor)
{
	unsigned a, b;

	return sscanf(m->version, "%u.%u", &a, &b) == 2 &&
	       (a > major || (a == major && b >= minor));
}
