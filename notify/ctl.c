/* ctl: the control socket, by which a hook asks the custodian. See ctl.h. */
#include "ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mono.h"

/* Hooks that wait to be accepted; more than that try again. */
#define CTL_BACKLOG 128

static void
ctl_name(char *name, size_t size, const char *key)
{
	snprintf(name, size, "custody-%s.sock", key);
}

/* By way of the directory's descriptor: so the length of the directory's path does not matter. */
static void
ctl_path(struct sockaddr_un *un, int dir, const char *key)
{
	char name[96];

	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	ctl_name(name, sizeof(name), key);
	snprintf(un->sun_path, sizeof(un->sun_path), "/proc/self/fd/%d/%.80s", dir, name);
}

static int
ctl_close(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

int
ctl_listen(int dir, const char *key)
{
	struct sockaddr_un un;
	mode_t mask;
	int rc, fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	ctl_path(&un, dir, key);
	ctl_remove(dir, key);
	mask = umask(0177);
	rc = bind(fd, (struct sockaddr *)&un, sizeof(un));
	umask(mask);
	if (rc == -1 || listen(fd, CTL_BACKLOG) == -1)
		return ctl_close(fd);
	return fd;
}

void
ctl_remove(int dir, const char *key)
{
	char name[96];

	ctl_name(name, sizeof(name), key);
	(void)unlinkat(dir, name, 0);
}

int
ctl_accept(int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		return -1;
	if (ctl_send(fd, "heard") == -1)
		return ctl_close(fd);
	return fd;
}

ssize_t
ctl_recv(int fd, char *buf, size_t size)
{
	struct iovec iov = {buf, size - 1};
	struct msghdr msg;
	ssize_t n;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	n = recvmsg(fd, &msg, MSG_DONTWAIT);
	if (n >= 0 && (msg.msg_flags & MSG_TRUNC) != 0) {
		errno = EMSGSIZE;
		n = -1;
	}
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

int
ctl_send(int fd, const char *text)
{
	size_t n = strlen(text);

	return send(fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n ? 0 : -1;
}

int
ctl_connect(int dir, const char *key)
{
	struct sockaddr_un un;
	/* Non-blocking, so that a frozen custodian's full backlog cannot hold us. */
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	ctl_path(&un, dir, key);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1)
		return ctl_close(fd);
	return fd;
}

pid_t
ctl_peer(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 ? cred.pid : 0;
}

ssize_t
ctl_wait(int fd, char *buf, size_t size, int timeout_ms)
{
	uint64_t deadline_ms = mono_ms() + (uint64_t)timeout_ms;
	struct pollfd p = {fd, POLLIN, 0};

	for (;;) {
		uint64_t now = mono_ms();
		int rc = poll(&p, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0);

		if (rc == 1) {
			ssize_t n = ctl_recv(fd, buf, size);
			if (n != -1 || errno != EAGAIN)
				return n;
		} else if (rc == 0) {
			errno = ETIMEDOUT;
			return -1;
		} else if (errno != EINTR) {
			return -1;
		}
	}
}
