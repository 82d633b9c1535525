/* holder: which process listens on a TCP address? See holder.h. */
#include "holder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TCP_STATE_LISTEN 0x0a /* include/net/tcp_states.h */

/* An address as 4 words in the table's form: each in network order, shown as a host number. */
struct words {
	uint32_t w[4];
	unsigned n; /* 1: IPv4, 4: IPv6 */
	unsigned port;
};

static int
words_read(const char *hex, struct words *out)
{
	const char *colon = strchr(hex, ':');
	size_t len = colon != NULL ? (size_t)(colon - hex) : 0;

	memset(out, 0, sizeof(*out));
	if (len != 8 && len != 32)
		return -1;
	out->n = len == 8 ? 1 : 4;
	for (unsigned i = 0; i < out->n; i++)
		if (sscanf(hex + (size_t)i * 8, "%8" SCNx32, &out->w[i]) != 1)
			return -1;
	return sscanf(colon + 1, "%4x", &out->port) == 1 ? 0 : -1;
}

static int
words_are_wild(const struct words *a)
{
	return (a->w[0] | a->w[1] | a->w[2] | a->w[3]) == 0;
}

/* Is a the address of where (also written as ::ffff:a.b.c.d, RFC 4291 section 2.5.5.2)? */
static int
words_match(const struct words *a, const struct addr *where)
{
	uint32_t v4;

	if (where->u.sa.sa_family == AF_INET6)
		return a->n == 4 && memcmp(a->w, &where->u.in6.sin6_addr, 16) == 0;
	v4 = where->u.in.sin_addr.s_addr;
	if (a->n == 1)
		return a->w[0] == v4;
	return a->w[0] == 0 && a->w[1] == 0 && a->w[2] == htonl(0xffff) && a->w[3] == v4;
}

enum holder_row
holder_scan(const char *row, const struct addr *where, struct holder *out)
{
	char local[40], remote[40];
	struct words at;
	unsigned state, uid;
	uint64_t inode;

	/* proc(5): sl local rem st tx:rx tr:when retrnsmt uid timeout inode */
	if (sscanf(row, " %*u: %39s %39s %x %*x:%*x %*x:%*x %*x %u %*d %" SCNu64, local, remote,
		   &state, &uid, &inode) != 5)
		return HOLDER_NONE; /* the heading */
	if (state != TCP_STATE_LISTEN)
		return HOLDER_END;
	if (words_read(local, &at) == -1 || at.port != addr_port(where))
		return HOLDER_NONE;
	memset(out, 0, sizeof(*out));
	out->inode = inode;
	out->uid = uid;
	/* A wildcard that was asked for is an exact answer. */
	if (words_match(&at, where))
		return HOLDER_EXACT;
	if (words_are_wild(&at) && (at.n == 4 || where->u.sa.sa_family == AF_INET)) {
		out->wild = 1;
		return HOLDER_WILD;
	}
	return HOLDER_NONE;
}

/* One table. Returns 1 with an exact holder, 0 without (*out may hold a wild one), -1 with errno. */
static int
holder_table(const char *path, const struct addr *where, struct holder *out, int *wild)
{
	char row[512];
	struct holder h;
	int rc = 0;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return -1;
	while (rc == 0 && fgets(row, sizeof(row), f) != NULL) {
		enum holder_row verdict = holder_scan(row, where, &h);

		if (verdict == HOLDER_END)
			break;
		if (verdict == HOLDER_EXACT) {
			*out = h;
			rc = 1;
		} else if (verdict == HOLDER_WILD && !*wild) {
			*out = h;
			*wild = 1;
		}
	}
	if (ferror(f))
		rc = -1;
	fclose(f);
	return rc;
}

int
holder_find(const struct addr *where, struct holder *out)
{
	int wild = 0, rc = 0;

	if (where->u.sa.sa_family == AF_INET)
		rc = holder_table("/proc/net/tcp", where, out, &wild);
	if (rc == 0) {
		rc = holder_table("/proc/net/tcp6", where, out, &wild);
		/* No IPv6 in this kernel: nobody listens by it. */
		if (rc == -1 && errno == ENOENT)
			rc = 0;
	}
	return rc == 0 ? wild : rc;
}

struct search {
	char link[40]; /* what the descriptor's link says: "socket:[INODE]" */
	pid_t pid;
};

static int
holder_look(pid_t pid, void *arg)
{
	struct search *s = arg;
	char path[64], text[64];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if ((dir = opendir(path)) == NULL)
		return 0;
	while (s->pid == 0 && (e = readdir(dir)) != NULL) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, text, sizeof(text) - 1);

		if (n <= 0)
			continue;
		text[n] = '\0';
		if (strcmp(text, s->link) == 0)
			s->pid = pid;
	}
	closedir(dir);
	return s->pid != 0;
}

int
holder_name(struct holder *h)
{
	struct search s;
	struct proc_info p;

	h->pid = 0;
	h->comm[0] = '\0';
	s.pid = 0;
	snprintf(s.link, sizeof(s.link), "socket:[%" PRIu64 "]", h->inode);
	if (proc_each(holder_look, &s) != 1 || proc_read(s.pid, &p) == -1)
		return 0;
	h->pid = s.pid;
	memcpy(h->comm, p.comm, sizeof(h->comm));
	return 1;
}
