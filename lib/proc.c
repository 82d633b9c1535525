/* proc: what /proc says about one process. See proc.h. */
#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "num.h"

int
proc_scan(const char *line, struct proc_info *out)
{
	const char *open = strchr(line, '('), *close = strrchr(line, ')');
	unsigned long long start;
	size_t n;
	int pid, ppid;

	if (open == NULL || close == NULL || close < open)
		return -1;
	memset(out, 0, sizeof(*out));
	if (sscanf(line, "%d ", &pid) != 1)
		return -1;
	/* proc(5): the state is field 3, the start time field 22. */
	if (sscanf(
		close + 1,
		" %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		&out->state, &ppid, &start) != 3)
		return -1;
	n = (size_t)(close - open - 1);
	if (n >= sizeof(out->comm))
		n = sizeof(out->comm) - 1;
	memcpy(out->comm, open + 1, n);
	out->pid = pid;
	out->ppid = ppid;
	out->start_ticks = start;
	return 0;
}

int
proc_read(pid_t pid, struct proc_info *out)
{
	char path[32], line[1024];
	ssize_t n;
	int fd, saved;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	n = read(fd, line, sizeof(line) - 1);
	saved = errno;
	close(fd);
	if (n == -1) {
		errno = saved;
		return -1;
	}
	line[n] = '\0';
	if (proc_scan(line, out) == -1) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int
proc_is_dead(const struct proc_info *p)
{
	return p->state == 'Z' || p->state == 'X' || p->state == 'x';
}

int
proc_each(int (*each)(pid_t pid, void *arg), void *arg)
{
	DIR *dir = opendir("/proc");
	int rc = 0, saved;

	if (dir == NULL)
		return -1;
	for (;;) {
		struct dirent *e;
		uint64_t pid;
		const char *why;

		errno = 0;
		if ((e = readdir(dir)) == NULL) {
			if (errno != 0)
				rc = -1;
			break;
		}
		if (num_parse(e->d_name, 1, INT32_MAX, &pid, &why) == -1)
			continue;
		if ((rc = each((pid_t)pid, arg)) != 0)
			break;
	}
	saved = errno;
	closedir(dir);
	errno = saved;
	return rc;
}

int
proc_same_netns(pid_t pid)
{
	char path[40];
	struct stat mine, theirs;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat("/proc/self/ns/net", &mine) == 0 && stat(path, &theirs) == 0)
		return mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
	if (errno != EACCES && errno != EPERM)
		return -1;
	/* ns/net needs ptrace rights, net/ does not; its files have their own inodes per namespace. */
	snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
	if (stat("/proc/self/net/dev", &mine) == -1 || stat(path, &theirs) == -1)
		return -1;
	return mine.st_ino == theirs.st_ino;
}
