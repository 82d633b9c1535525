/* Intent: any text given as a server is an address or a named error; any list of servers makes a
 * ring on which every key has its place. */
/* needs: proxy/ring.c proxy/ketama.c proxy/md5.c */
#include "fuzz.h"

#include "addr.h"
#include "ring.h"

static void
check_addr(const struct addr *a)
{
	struct addr again;
	const char *why = NULL;
	char ip[64];

	MUST(strlen(a->text) < sizeof(a->text));
	addr_ip(a, ip, sizeof(ip));
	MUST(ip[0] != '\0');
	/* Its own text is the same address. */
	MUST(addr_parse(&again, a->text, 1, ADDR_NUMERIC, &why) == 0);
	MUST(addr_equal(a, &again) && strcmp(a->text, again.text) == 0);
}

static void
check_text(const char *text)
{
	struct addr a;
	struct addr_server s;
	const char *why = NULL;

	if (addr_parse(&a, text, 11211, ADDR_NUMERIC, &why) == 0)
		check_addr(&a);
	else
		MUST(why != NULL && why[0] != '\0');
	why = NULL;
	if (addr_parse_server(&s, text, 11211, ADDR_NUMERIC, &why) == 0) {
		check_addr(&s.addr);
		MUST(strlen(s.host) < sizeof(s.host));
	} else {
		MUST(why != NULL && why[0] != '\0');
	}
	why = NULL;
	if (addr_unix(&a, text, &why) == 0)
		MUST(strcmp(a.text, text) == 0);
	else
		MUST(why != NULL && why[0] != '\0');
}

/* The servers that the lines name, as one list; keys find their way. */
static void
check_ring(const struct ketama_server *list, unsigned n, const char *keys, size_t len)
{
	struct ring ring = {.n_primary = n, .n_backup = n};
	unsigned total = 0;

	for (unsigned i = 0; i < n; i++) {
		ring.primary[i] = (int)i;
		ring.backup[i] = (int)(n - 1 - i);
		total += ketama_share(list, n, i);
	}
	if (n > 1) {
		ring.primary_circle = ketama_new(list, n);
		MUST(ring.primary_circle != NULL && ring.primary_circle->n == total && total > 0);
		for (unsigned i = 0; i < total; i++)
			MUST(ring.primary_circle->points[i].server < n &&
			     ring.primary_circle->points[i].other < n &&
			     ring.primary_circle->points[i].server !=
				 ring.primary_circle->points[i].other);
		ring.backup_circle = len % 2 ? ring.primary_circle : NULL;
	}
	for (size_t at = 0; at < len; at += 7) {
		size_t key_len = len - at < 40 ? len - at : 40;
		struct ring_pair pair = ring_find(&ring, keys + at, key_len);

		MUST(pair.primary >= 0 && pair.primary < (int)n);
		MUST(pair.backup >= RING_NONE && pair.backup < (int)n &&
		     pair.backup != pair.primary);
		MUST(n == 1 || pair.backup != RING_NONE);
		MUST(ring_slot(keys + at, key_len, 1 + n % 5) < 1 + n % 5);
	}
	free(ring.primary_circle);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct addr_server servers[RING_MAX];
	struct ketama_server list[RING_MAX];
	char *text = fuzz_text(data, size), *rest = text, *line;
	const char *why;
	unsigned n = 0;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *exact = fuzz_text(line, strlen(line));

		check_text(exact);
		if (n < RING_MAX &&
		    addr_parse_server(&servers[n], exact, 11211, ADDR_SYNTAX, &why) == 0) {
			list[n] =
			    (struct ketama_server){servers[n].host, addr_port(&servers[n].addr),
						   servers[n].weight ? servers[n].weight : 1};
			n++;
		}
		free(exact);
	}
	if (n > 0)
		check_ring(list, n, (const char *)data, size);
	free(text);
	return 0;
}
