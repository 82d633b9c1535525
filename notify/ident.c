/* ident: a process by pid and start time. See ident.h. */
#include "ident.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mono.h"
#include "proc.h"

/* The C library of RHEL 8 does not know them; the numbers are the same on every architecture. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* How often a kernel without pidfds is asked whether a process has ended. */
#define IDENT_LOOK_MS 5

int
ident_of(pid_t pid, struct ident *out)
{
	struct proc_info p;

	out->pid = 0;
	out->start_ticks = 0;
	if (pid <= 0) {
		errno = ESRCH;
		return -1;
	}
	if (proc_read(pid, &p) == -1) {
		if (errno == ENOENT)
			errno = ESRCH;
		return -1;
	}
	out->pid = pid;
	out->start_ticks = p.start_ticks;
	return 0;
}

int
ident_alive(const struct ident *id)
{
	struct proc_info p;

	return id->pid > 0 && proc_read(id->pid, &p) == 0 && !proc_is_dead(&p) &&
	       p.start_ticks == id->start_ticks;
}

int
ident_equal(const struct ident *a, const struct ident *b)
{
	return a->pid == b->pid && a->start_ticks == b->start_ticks;
}

int
ident_open(const struct ident *id)
{
	int fd;

	if (id->pid <= 0) {
		errno = ESRCH;
		return -1;
	}
	/* The descriptor first: what is seen in /proc after it was opened is true of its process. */
	fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
	if (fd != -1 && !ident_alive(id)) {
		close(fd);
		fd = -1;
		errno = ESRCH;
	} else if (fd == -1 && errno == EPERM) {
		errno = ENOSYS; /* a container's filter for system calls says it so */
	}
	return fd;
}

int
ident_signal(const struct ident *id, int sig)
{
	int fd = ident_open(id), rc, saved;

	if (fd == -1) {
		if (errno != ENOSYS)
			return -1;
		/* Without a pidfd the pid could change hands between look and kill(2): microseconds. */
		if (!ident_alive(id)) {
			errno = ESRCH;
			return -1;
		}
		return kill(id->pid, sig);
	}
	rc = (int)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

int
ident_wait(const struct ident *id, int timeout_ms)
{
	uint64_t deadline_ms = mono_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
	struct pollfd p = {ident_open(id), POLLIN, 0};
	int ended = p.fd == -1 && errno == ESRCH;

	while (!ended) {
		uint64_t now = mono_ms();
		int left_ms = now < deadline_ms ? (int)(deadline_ms - now) : 0;

		if (p.fd == -1 && left_ms > IDENT_LOOK_MS)
			left_ms = IDENT_LOOK_MS;
		if (p.fd != -1)
			ended = poll(&p, 1, left_ms) == 1;
		else if (!(ended = !ident_alive(id)))
			poll(NULL, 0, left_ms);
		if (now >= deadline_ms)
			break;
	}
	if (p.fd != -1)
		close(p.fd);
	return ended;
}
