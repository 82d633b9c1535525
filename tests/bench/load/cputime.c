/* cputime: what a process costs. See cputime.h. */
#include "cputime.h"

#include <stdio.h>
#include <string.h>

static int
cpu_ns(const struct cputime *c, uint64_t *ns)
{
	struct timespec ts;

	if (clock_gettime(c->clock, &ts) == -1)
		return -1;
	*ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	return 0;
}

/* Fields 14 and 15; the second one, the name in brackets, may hold anything. */
static int
ticks(const struct cputime *c, uint64_t *user, uint64_t *system)
{
	char path[40], text[1024];
	unsigned long long u, s;
	const char *p;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)c->pid);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')');
	if (p == NULL ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &u, &s) != 2)
		return -1;
	*user = u;
	*system = s;
	return 0;
}

int
cputime_of(struct cputime *c, const char *name, pid_t pid)
{
	uint64_t ns;

	*c = (struct cputime){.name = name, .pid = pid};
	return clock_getcpuclockid(pid, &c->clock) == 0 ? cpu_ns(c, &ns) : -1;
}

int
cputime_start(struct cputime *c)
{
	return ticks(c, &c->began_user, &c->began_system) == -1 ? -1 : cpu_ns(c, &c->began_ns);
}

int
cputime_stop(struct cputime *c)
{
	if (cpu_ns(c, &c->ns) == -1 || ticks(c, &c->user, &c->system) == -1)
		return -1;
	c->ns -= c->began_ns;
	c->user -= c->began_user;
	c->system -= c->began_system;
	return 0;
}
