/* tool: runs a program and keeps what it says. See tool.h. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mono.h"

#define TOOL_TEXT_MAX (4u << 20) /* bytes: a large set of firewall rules */
#define TOOL_PATHS    ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
#define TOOL_PATH_MAX 4096
#define TOOL_REAP_MS  5 /* between two looks whether it has ended */

/* The path of a program. Returns 0, or -1 with errno ENOENT. */
static int
tool_find(const char *name, char *out, size_t size)
{
	const char *path = getenv("PATH"), *end;
	char dirs[TOOL_PATH_MAX];

	if (strchr(name, '/') != NULL) {
		snprintf(out, size, "%s", name);
		if (access(out, X_OK) == 0)
			return 0;
		errno = ENOENT;
		return -1;
	}
	snprintf(dirs, sizeof(dirs), "%s" TOOL_PATHS, path != NULL ? path : "");
	for (const char *p = dirs;; p = end + 1) {
		end = strchrnul(p, ':');
		if (*p == '/') {
			snprintf(out, size, "%.*s/%s", (int)(end - p), p, name);
			if (access(out, X_OK) == 0)
				return 0;
		}
		if (*end == '\0')
			break;
	}
	errno = ENOENT;
	return -1;
}

int
tool_exists(const char *name)
{
	char path[TOOL_PATH_MAX];

	return tool_find(name, path, sizeof(path)) == 0;
}

/* In the child: becomes the program. */
static _Noreturn void
tool_become(const char *path, const char *const *argv, int out)
{
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    dup2(out, STDERR_FILENO) == -1 || setenv("LC_ALL", "C", 1) == -1)
		_exit(127);
	execv(path, (char *const *)(const void *)argv);
	_exit(127);
}

/* Takes what there is; a part that does not fit is let go. Returns 0 at its end, else 1. */
static int
tool_take(struct tool *t, int fd)
{
	char buf[16384];
	ssize_t n = read(fd, buf, sizeof(buf));
	size_t room = TOOL_TEXT_MAX - t->len, take;
	char *more;

	if (n <= 0)
		return n == -1 && errno == EINTR;
	take = (size_t)n < room ? (size_t)n : room;
	t->cut |= take < (size_t)n;
	if ((more = realloc(t->text, t->len + take + 1)) == NULL) {
		t->cut = 1;
		return 1;
	}
	t->text = more;
	memcpy(t->text + t->len, buf, take);
	t->len += take;
	t->text[t->len] = '\0';
	return 1;
}

/*
 * Waits for its end, until the deadline, then kills it and what it has started. Returns 1 when it had
 * to be killed.
 */
static int
tool_reap(pid_t pid, int *status, uint64_t deadline_ms)
{
	pid_t rc;
	int late = 0;

	do {
		if (!late && mono_ms() >= deadline_ms)
			late = kill(-pid, SIGKILL) == 0;
		rc = waitpid(pid, status, late ? 0 : WNOHANG);
		if (rc == 0)
			poll(NULL, 0, TOOL_REAP_MS);
	} while (rc == 0 || (rc == -1 && errno == EINTR));
	return late;
}

int
tool_run(struct tool *t, const char *const *argv, int timeout_ms)
{
	uint64_t deadline_ms = mono_ms() + (uint64_t)timeout_ms;
	char path[TOOL_PATH_MAX];
	int fds[2], status, late = 0, open_end = 1;
	pid_t pid;

	memset(t, 0, sizeof(*t));
	t->status = -1;
	if (tool_find(argv[0], path, sizeof(path)) == -1 || pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	if ((pid = fork()) == 0)
		tool_become(path, argv, fds[1]);
	close(fds[1]);
	if (pid == -1) {
		close(fds[0]);
		return -1;
	}
	setpgid(pid, pid);
	while (open_end && !late) {
		struct pollfd p = {fds[0], POLLIN, 0};
		uint64_t now = mono_ms();
		int rc = poll(&p, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0);

		if (rc == 1)
			open_end = tool_take(t, fds[0]);
		late = rc == 0;
	}
	close(fds[0]);
	late = tool_reap(pid, &status, late ? 0 : deadline_ms);
	t->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (late)
		errno = ETIMEDOUT;
	return late ? -1 : 0;
}

void
tool_free(struct tool *t)
{
	free(t->text);
	memset(t, 0, sizeof(*t));
}

void
tool_line(const struct tool *t, char *buf, size_t size)
{
	const char *p = t->text != NULL ? t->text : "";

	p += strspn(p, "\r\n");
	snprintf(buf, size, "%.*s", (int)strcspn(p, "\r\n"), p);
}
