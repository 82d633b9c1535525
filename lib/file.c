/* file: small text files that are read and replaced whole. See file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

ssize_t
file_read(int dir, const char *name, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n;
	int fd, saved;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return -1;
	do {
		n = read(fd, buf + have, size - have);
		if (n > 0)
			have += (size_t)n;
	} while ((n > 0 && have < size) || (n == -1 && errno == EINTR));
	saved = errno;
	close(fd);
	if (n == -1) {
		errno = saved;
		return -1;
	}
	if (have == size) {
		errno = EFBIG;
		return -1;
	}
	buf[have] = '\0';
	return (ssize_t)have;
}

int
file_replace(int dir, const char *name, const char *text, mode_t mode)
{
	char tmp[256];
	size_t len = strlen(text);
	ssize_t n;
	int fd, saved;

	/* Two writers at once must not share a half-written file: the pid is in its name. */
	if (snprintf(tmp, sizeof(tmp), ".%s.%d", name, (int)getpid()) >= (int)sizeof(tmp)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd == -1)
		return -1;
	errno = ENOSPC; /* what a short write to a regular file means */
	n = write(fd, text, len);
	saved = errno;
	close(fd);
	if (n == (ssize_t)len && renameat(dir, tmp, dir, name) == 0)
		return 0;
	if (n == (ssize_t)len)
		saved = errno;
	unlinkat(dir, tmp, 0);
	errno = saved;
	return -1;
}
