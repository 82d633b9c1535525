/* servers: what the proxy says of its servers. See servers.h. */
#include "servers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "num.h"
#include "talk.h"

#define SERVERS_ANSWER_MAX (256 * 1024) /* bytes: far more than 128 servers have to say */

static struct server *
server_get(struct server *servers, unsigned *n, unsigned max, const char *name, size_t len)
{
	struct server *s;

	for (unsigned i = 0; i < *n; i++)
		if (strlen(servers[i].name) == len && memcmp(servers[i].name, name, len) == 0)
			return &servers[i];
	if (*n == max || len >= sizeof(s->name))
		return NULL;
	s = &servers[(*n)++];
	memset(s, 0, sizeof(*s));
	memcpy(s->name, name, len);
	return s;
}

int
servers_line(const char *line, struct server *servers, unsigned *n, unsigned max)
{
	static const char prefix[] = "STAT server.";
	const char *name, *value, *field, *why;
	struct server *s;

	if (strcmp(line, "END") == 0)
		return 0;
	if (strncmp(line, "STAT ", 5) != 0)
		return -1;
	if (strncmp(line, prefix, sizeof(prefix) - 1) != 0)
		return 1;
	/* "server.HOST:PORT.FIELD VALUE": the host may have dots of its own, the field has none. */
	name = line + sizeof(prefix) - 1;
	if ((value = strchr(name, ' ')) == NULL ||
	    (field = memrchr(name, '.', (size_t)(value - name))) == NULL)
		return 1;
	if ((s = server_get(servers, n, max, name, (size_t)(field - name))) == NULL)
		return 1;
	value++;
	if (strncmp(field, ".state ", 7) == 0)
		snprintf(s->state, sizeof(s->state), "%.15s", value);
	else if (strncmp(field, ".role ", 6) == 0)
		snprintf(s->role, sizeof(s->role), "%.15s", value);
	else if (strncmp(field, ".fill_done ", 11) == 0)
		(void)num_parse(value, 0, UINT64_MAX, &s->fill_done, &why);
	else if (strncmp(field, ".fill_total ", 12) == 0)
		(void)num_parse(value, 0, UINT64_MAX, &s->fill_total, &why);
	return 1;
}

int
servers_ask(const struct addr *vip, struct server *servers, unsigned max, int timeout_ms, char *err,
	    size_t err_size)
{
	struct talk t;
	size_t total = 0;
	unsigned n = 0;
	int rc = talk_open(&t, vip, timeout_ms);

	if (rc == 0)
		rc = talk_say(&t, "stats servers\r\n");
	for (rc = rc == 0 ? 1 : -1; rc == 1;) {
		char *line = talk_line(&t);

		if (line == NULL) {
			rc = -1;
		} else if ((total += t.used) > SERVERS_ANSWER_MAX ||
			   (rc = servers_line(line, servers, &n, max)) == -1) {
			rc = -1;
			errno = EPROTO;
		}
	}
	if (rc == -1)
		snprintf(err, err_size, "the proxy at %s: %s", vip->text, strerror(errno));
	talk_close(&t);
	return rc == 0 ? (int)n : -1;
}
