/* pair: the two copies of every key, as the servers themselves tell them. See pair.h. */
#include "pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "mono.h"

#define ANSWER_MAX (ITEM_VALUE_MAX + 1024)
#define ANSWER_S   5
#define AGAIN_MS   200
#define TOLD_MAX   5

/* What one side holds of a key. */
struct copy {
	char *value; /* NULL: nothing; owned */
	size_t len;
	unsigned long flags;
	unsigned found; /* on how many servers of the side */
};

static int
dial(const struct addr *to, FILE *out)
{
	struct timeval limit = {.tv_sec = ANSWER_S};
	int fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		fatal("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, &to->u.sa, to->len) == 0)
		return fd;
	fprintf(out, "compare: %s: %s\n", to->text, strerror(errno));
	close(fd);
	return -1;
}

/* Reads the answer to a get of one key into *c. Returns 0, or -1: none that is one came. */
static int
answer_to_get(int fd, struct copy *c)
{
	static char buf[ANSWER_MAX];
	size_t len = 0, head = 0, value_len = 0;
	unsigned long flags = 0;

	while (len < ANSWER_MAX - 1) {
		ssize_t n;
		const char *nl;

		if (len == 5 && memcmp(buf, "END\r\n", 5) == 0)
			return 0;
		if (head != 0 && len >= head + value_len + 7)
			break;
		n = recv(fd, buf + len, ANSWER_MAX - 1 - len, 0);
		if (n <= 0)
			return -1;
		len += (size_t)n;
		buf[len] = '\0';
		nl = memchr(buf, '\n', len);
		if (head == 0 && nl != NULL &&
		    sscanf(buf, "VALUE %*s %lu %zu", &flags, &value_len) == 2)
			head = (size_t)(nl - buf) + 1;
	}
	if (head == 0 || len != head + value_len + 7 ||
	    memcmp(buf + head + value_len, "\r\nEND\r\n", 7) != 0)
		return -1;
	/* What decr leaves behind a number that became shorter means nothing. */
	if (strspn(buf + head, "0123456789 ") >= value_len) {
		while (value_len > 1 && buf[head + value_len - 1] == ' ')
			value_len--;
	}
	free(c->value);
	c->value = malloc(value_len + 1);
	if (c->value == NULL)
		fatal("memory");
	memcpy(c->value, buf + head, value_len);
	c->len = value_len;
	c->flags = flags;
	c->found++;
	return 0;
}

/* Asks every server of a side. Returns 0 or -1; c->value is the caller's either way. */
static int
look(const struct pair_side *side, const int *fd, const char *key, struct copy *c, FILE *out)
{
	char line[128];
	size_t len = (size_t)snprintf(line, sizeof(line), "get %s\r\n", key);

	for (unsigned i = 0; i < side->n; i++) {
		if (send(fd[i], line, len, MSG_NOSIGNAL) != (ssize_t)len ||
		    answer_to_get(fd[i], c) == -1) {
			fprintf(out, "compare: %s does not answer get %s\n", side->server[i].text,
				key);
			return -1;
		}
	}
	return 0;
}

static void
show(FILE *out, const char *side, const struct copy *c)
{
	if (c->value == NULL)
		fprintf(out, "  %s: none\n", side);
	else
		fprintf(out, "  %s: on %u, flags %lu, %zu bytes: %.*s\n", side, c->found, c->flags,
			c->len, c->len < 60 ? (int)c->len : 60, c->value);
}

/* Counts what two copies are to each other. Returns 1 when they agree. */
static int
weigh(const struct copy *a, const struct copy *b, struct pair_counts *counts)
{
	int agree = 0;

	if ((a->value == NULL) != (b->value == NULL))
		counts->one_sided++;
	else if (a->value != NULL && (a->len != b->len || a->flags != b->flags ||
				      memcmp(a->value, b->value, a->len) != 0))
		counts->differ++;
	else
		agree = 1;
	counts->same += (uint64_t)agree;
	if (a->found > 1 || b->found > 1) {
		counts->strays++;
		return 0;
	}
	return agree;
}

/* All keys once. Returns the number that part, or -1. */
static int
compare_all(const struct item_rules *items, const struct pair_side *const side[2], int *const fd[2],
	    struct pair_counts *counts, int told, FILE *out)
{
	int parted = 0;

	*counts = (struct pair_counts){0};
	for (unsigned k = 0; k < items->keys && parted != -1; k++) {
		struct copy a = {0}, b = {0};
		char key[64];

		item_name(items, k, key, sizeof(key));
		if (look(side[0], fd[0], key, &a, out) == -1 ||
		    look(side[1], fd[1], key, &b, out) == -1) {
			parted = -1;
		} else if (!weigh(&a, &b, counts)) {
			parted++;
			if (told && parted <= TOLD_MAX) {
				fprintf(out, "PARTED, key %s:\n", key);
				show(out, "primary", &a);
				show(out, "backup", &b);
			}
		}
		free(a.value);
		free(b.value);
	}
	return parted;
}

int
pair_compare(const struct item_rules *items, const struct pair_side *primary,
	     const struct pair_side *backup, unsigned patience_ms, struct pair_counts *counts,
	     FILE *out)
{
	const struct pair_side *const side[2] = {primary, backup};
	int first[PAIR_SERVERS_MAX], second[PAIR_SERVERS_MAX], *const fd[2] = {first, second};
	uint64_t until_ms = mono_ms() + patience_ms;
	int parted = 0;

	for (unsigned s = 0; s < 2; s++) {
		for (unsigned i = 0; i < side[s]->n; i++)
			fd[s][i] = parted == -1 ? -1 : dial(&side[s]->server[i], out);
		for (unsigned i = 0; i < side[s]->n; i++)
			parted = fd[s][i] == -1 ? -1 : parted;
	}
	while (parted != -1) {
		int last = mono_ms() >= until_ms;
		struct timespec pause = {.tv_nsec = AGAIN_MS * 1000000L};

		parted = compare_all(items, side, fd, counts, last, out);
		if (parted <= 0 || last)
			break;
		nanosleep(&pause, NULL);
	}
	for (unsigned s = 0; s < 2; s++) {
		for (unsigned i = 0; i < side[s]->n; i++) {
			if (fd[s][i] != -1)
				close(fd[s][i]);
		}
	}
	return parted == -1 ? -1 : 0;
}
