/* keepalived: does keepalived live in this network namespace? See keepalived.h. */
#include "keepalived.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEEPALIVED "keepalived"

/* proc(5): the link's text gets this suffix when the file was replaced, by an upgrade say. */
#define DELETED " (deleted)"

int
keepalived_is(const struct proc_info *p)
{
	char path[32], exe[4096], *base;
	size_t suffix = strlen(DELETED);
	ssize_t n;

	if (proc_is_dead(p))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)p->pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n == -1)
		return strcmp(p->comm, KEEPALIVED) == 0;
	exe[n] = '\0';
	if ((size_t)n > suffix && strcmp(exe + n - suffix, DELETED) == 0)
		exe[(size_t)n - suffix] = '\0';
	base = strrchr(exe, '/');
	return strcmp(base != NULL ? base + 1 : exe, KEEPALIVED) == 0;
}

struct search {
	pid_t found; /* 0: not yet */
	int err;     /* why a candidate could not be judged; 0: all were */
};

static int
keepalived_look(pid_t pid, void *arg)
{
	struct search *s = arg;
	struct proc_info p, parent;
	int same;

	if (proc_read(pid, &p) == -1 || !keepalived_is(&p))
		return 0;
	if (p.ppid > 1 && proc_read(p.ppid, &parent) == 0 && keepalived_is(&parent))
		return 0;
	if ((same = proc_same_netns(pid)) == -1) {
		/* Gone while we looked is no doubt: it does not live. */
		if (errno != ENOENT && errno != ESRCH)
			s->err = errno;
		return 0;
	}
	if (!same)
		return 0;
	s->found = pid;
	return 1;
}

int
keepalived_find(pid_t *main_pid)
{
	struct search s = {0, 0};
	int rc = proc_each(keepalived_look, &s);

	if (rc == 1) {
		if (main_pid != NULL)
			*main_pid = s.found;
		return 1;
	}
	if (rc == 0 && s.err == 0)
		return 0;
	if (s.err != 0)
		errno = s.err;
	return -1;
}
