/* statedir: where the check remembers things from one run to the next. See statedir.h. */
#include "statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static int
statedir_writable(int fd)
{
	return faccessat(fd, ".", W_OK, AT_EACCESS) == 0;
}

/* In memory, cleared by a reboot, there on every Linux; sticky: what is ours stays ours. */
static int
statedir_own(enum statedir_how how, int *made)
{
	char path[64];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/memvip-%u", (unsigned)geteuid());
	*made = how == STATEDIR_MAKE && mkdir(path, 0700) == 0;
	if ((fd = open(path, DIR_FLAGS | O_NOFOLLOW)) == -1)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0)
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

int
statedir_open(const char *path, enum statedir_how how, int *err)
{
	int fd, own, made, why;

	*err = 0;
	if (how == STATEDIR_MAKE)
		(void)mkdir(path, 0755); /* what went wrong, open() says too */
	if ((fd = open(path, DIR_FLAGS)) != -1 && statedir_writable(fd))
		return fd;
	why = errno;
	if ((own = statedir_own(how, &made)) == -1)
		return fd; /* for reading at least */
	if (fd != -1)
		close(fd);
	if (made)
		*err = why;
	return own;
}
