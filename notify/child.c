/* child: the proxy as the custodian's child process. See child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mono.h"

#define LIFE_FD 3
/* Told on the life socket by the child that cannot execute the proxy: this, and an errno. */
#define EXEC_FAILED '!'
/* One pass over stderr: a proxy that never stops talking must not hold the custodian. */
#define ERR_READS 8

void
child_init(struct child *c)
{
	memset(c, 0, sizeof(*c));
	c->life_fd = c->err_fd = -1;
}

static void
fd_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/*
 * Between fork(2) and exec: system calls only, no memory, no stdio. parent: who must still be
 * there once the parent-death signal is set, or it was too late for it.
 */
static _Noreturn void
child_exec(char *const *argv, int null_fd, int life_fd, int err_fd, pid_t parent)
{
	struct sigaction dfl;
	struct {
		char what;
		int err;
	} told;
	sigset_t none;

	memset(&dfl, 0, sizeof(dfl));
	dfl.sa_handler = SIG_DFL;
	sigaction(SIGPIPE, &dfl, NULL);
	sigaction(SIGHUP, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A second string to the bow: the proxy's end-of-file is the first. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	/* None of the three is below 3, so no dup2() closes what a later one needs. */
	if (dup2(null_fd, STDIN_FILENO) != -1 && dup2(null_fd, STDOUT_FILENO) != -1 &&
	    dup2(err_fd, STDERR_FILENO) != -1 &&
	    (life_fd == LIFE_FD ? fcntl(life_fd, F_SETFD, 0) : dup2(life_fd, LIFE_FD)) != -1)
		execv(argv[0], argv);
	memset(&told, 0, sizeof(told));
	told.what = EXEC_FAILED;
	told.err = errno;
	if (write(life_fd, &told, sizeof(told)) == -1) {
		/* The exit code tells enough. */
	}
	_exit(127);
}

int
child_start(struct child *c, const char *proxy, const char *conf)
{
	char life_text[] = "3";
	char *argv[] = {(char *)(uintptr_t)proxy,
			(char *)(uintptr_t) "-D",
			(char *)(uintptr_t) "-c",
			(char *)(uintptr_t)conf,
			(char *)(uintptr_t) "--life-fd",
			life_text,
			NULL};
	int life[2] = {-1, -1}, err[2] = {-1, -1}, null_fd = -1, saved;
	pid_t pid, me = getpid();

	child_init(c);
	/*
	 * Non-blocking at both ends of stderr: a custodian that is frozen must not freeze the proxy
	 * when its pipe is full. At one end of the life socket only, the other is the proxy's.
	 */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life) == -1 ||
	    fcntl(life[0], F_SETFL, O_NONBLOCK) == -1 || pipe2(err, O_CLOEXEC | O_NONBLOCK) == -1 ||
	    (null_fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1 || (pid = fork()) == -1) {
		saved = errno;
		for (unsigned i = 0; i < 2; i++) {
			fd_close(&life[i]);
			fd_close(&err[i]);
		}
		fd_close(&null_fd);
		errno = saved;
		return -1;
	}
	if (pid == 0)
		child_exec(argv, null_fd, life[1], err[1], me);
	close(life[1]);
	close(err[1]);
	close(null_fd);
	c->life_fd = life[0];
	c->err_fd = err[0];
	c->started_ms = mono_ms();
	/* Ours until it is reaped, so the pid is right even if /proc should not be readable. */
	(void)ident_of(pid, &c->id);
	c->id.pid = pid;
	return 0;
}

int
child_read_life(struct child *c)
{
	char buf[64];
	ssize_t n = c->life_fd != -1 ? read(c->life_fd, buf, sizeof(buf)) : -1;
	int err;

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		fd_close(&c->life_fd);
	if (n <= 0)
		return 0;
	if (buf[0] == EXEC_FAILED && (size_t)n >= sizeof(int) * 2) {
		/* As if it had been said on stderr, by a program that was. */
		memcpy(&err, buf + sizeof(int), sizeof(err));
		c->line_len = (unsigned)snprintf(c->line, sizeof(c->line), "cannot be executed: %s",
						 strerror(err));
		return 0;
	}
	return n >= 6 && memcmp(buf, "ready\n", 6) == 0;
}

/* The line buffer is a whole line, or full. */
static void
line_end(struct child *c, void (*line)(const char *text, void *arg), void *arg)
{
	static const char ident[] = "memvip-proxy: ";
	const char *text = c->line;

	c->line[c->line_len] = '\0';
	c->line_len = 0;
	/* The custodian's own line will say whose words these are. */
	if (strncmp(text, ident, sizeof(ident) - 1) == 0)
		text += sizeof(ident) - 1;
	if (*text == '\0')
		return;
	memmove(c->last, text, strlen(text) + 1);
	c->last_ms = mono_ms();
	line(c->last, arg);
}

void
child_read_err(struct child *c, void (*line)(const char *text, void *arg), void *arg)
{
	char buf[1024];

	for (unsigned i = 0; i < ERR_READS && c->err_fd != -1; i++) {
		ssize_t n = read(c->err_fd, buf, sizeof(buf));

		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			if (c->line_len > 0)
				line_end(c, line, arg);
			fd_close(&c->err_fd);
			return;
		}
		for (ssize_t k = 0; k < n; k++) {
			unsigned char ch = (unsigned char)buf[k];

			if (ch == '\n') {
				line_end(c, line, arg);
				continue;
			}
			c->line[c->line_len++] = ch < ' ' || ch == 0x7f ? '?' : (char)ch;
			if (c->line_len == sizeof(c->line) - 1)
				line_end(c, line, arg);
		}
	}
}

void
child_signal(struct child *c, int sig)
{
	if (c->id.pid <= 0)
		return;
	if (sig == SIGTERM)
		c->term_sent = 1;
	if (sig == SIGKILL)
		c->kill_sent = 1;
	kill(c->id.pid, sig); /* not reaped yet: nobody else can have this pid */
}

int
child_reap(struct child *c, pid_t *pid, int *status, void (*line)(const char *text, void *arg),
	   void *arg)
{
	if (c->id.pid <= 0 || waitpid(c->id.pid, status, WNOHANG) != c->id.pid)
		return 0;
	*pid = c->id.pid;
	child_read_life(c); /* why it could not be executed, it may be */
	child_read_err(c, line, arg);
	if (c->line_len > 0)
		line_end(c, line, arg);
	fd_close(&c->life_fd);
	fd_close(&c->err_fd);
	memset(&c->id, 0, sizeof(c->id));
	return 1;
}

void
child_status_text(int status, char *buf, size_t size)
{
	if (WIFEXITED(status))
		snprintf(buf, size, "exited %d", WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		snprintf(buf, size, "was killed by signal %d", WTERMSIG(status));
	else
		snprintf(buf, size, "ended with status %#x", (unsigned)status);
}
