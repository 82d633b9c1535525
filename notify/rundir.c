/* rundir: the run directory and the lock of one custody. See rundir.h. */
#include "rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_PREFIX "custody-"
#define STATE_SUFFIX ".state"

int
rundir_open(const char *path, int create, char *err, size_t err_size)
{
	struct stat st;
	int fd;

	if (create && mkdir(path, 0755) == -1 && errno != EEXIST) {
		snprintf(err, err_size, "cannot make %s: %s%s", path, strerror(errno),
			 errno == EACCES ? ": memvip-notify needs root (script_user root)" : "");
		return -1;
	}
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 || fstat(fd, &st) == -1) {
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0) {
		snprintf(err, err_size,
			 "%s: others than root may write to it: not a place to keep process ids",
			 path);
		close(fd);
		return -1;
	}
	return fd;
}

void
rundir_key(char key[RUNDIR_KEY_MAX], const struct addr *vip)
{
	char ip[INET6_ADDRSTRLEN];

	addr_ip(vip, ip, sizeof(ip));
	snprintf(key, RUNDIR_KEY_MAX, "%s_%u", ip, addr_port(vip));
}

int
rundir_lock(int dir, const char *key)
{
	char name[128];
	int fd, saved;

	snprintf(name, sizeof(name), "custody-%s.lock", key);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
rundir_clear_hold(int dir, const char *key)
{
	char name[128];

	snprintf(name, sizeof(name), "check-%s.hold", key);
	return unlinkat(dir, name, 0) == 0;
}

int
rundir_each(int dir, void (*each)(const char *key, void *arg), void *arg)
{
	size_t prefix = strlen(STATE_PREFIX), suffix = strlen(STATE_SUFFIX);
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), saved;
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *e;
	char key[RUNDIR_KEY_MAX];

	if (d == NULL) {
		saved = errno;
		if (fd != -1)
			close(fd);
		errno = saved;
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);

		if (n <= prefix + suffix || n - prefix - suffix >= sizeof(key) ||
		    strncmp(e->d_name, STATE_PREFIX, prefix) != 0 ||
		    strcmp(e->d_name + n - suffix, STATE_SUFFIX) != 0)
			continue;
		memcpy(key, e->d_name + prefix, n - prefix - suffix);
		key[n - prefix - suffix] = '\0';
		each(key, arg);
	}
	closedir(d);
	return 0;
}
