/* log: one line an event, to stderr or to syslog. See log.h. */
#include "log.h"

#include <errno.h>
#include <paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 1024

static const char *log_ident = "memvip";
static enum log_dest log_dest = LOG_DEST_STDERR;
static int log_verbose;
static int syslog_fd = -1;
static unsigned syslog_lost; /* lines that syslog did not take */

/*
 * Not by syslog(3): that waits when the daemon is stuck and its queue full, and a program that has
 * to close a port in time must not wait for a log.
 */
static void
syslog_open(void)
{
	struct sockaddr_un un;

	if (syslog_fd != -1)
		close(syslog_fd);
	syslog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (syslog_fd == -1)
		return;
	memset(&un, 0, sizeof(un));
	un.sun_family = AF_UNIX;
	memcpy(un.sun_path, _PATH_LOG, sizeof(_PATH_LOG));
	if (connect(syslog_fd, (struct sockaddr *)&un, sizeof(un)) == -1) {
		close(syslog_fd);
		syslog_fd = -1;
	}
}

/* One event, as syslog(3) writes them (RFC 3164 section 4.1). Returns 0, or -1 when it is lost. */
static int
syslog_send(int priority, const char *text, int len)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	char event[LINE_MAX_LEN + 128];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	localtime_r(&now, &tm);
	n = snprintf(event, sizeof(event), "<%d>%s %2d %02d:%02d:%02d %.64s[%d]: %.*s",
		     LOG_DAEMON | priority, months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min,
		     tm.tm_sec, log_ident, (int)getpid(), len, text);
	for (int try = 0; n > 0 && try < 2; try++) {
		if (syslog_fd != -1 &&
		    send(syslog_fd, event, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n)
			return 0;
		if (syslog_fd != -1 && (errno == EAGAIN || errno == EMSGSIZE || errno == ENOBUFS))
			return -1;
		syslog_open(); /* the daemon was not there, or has been restarted */
	}
	return -1;
}

static void
syslog_line(int priority, const char *text, int len)
{
	if (syslog_lost > 0) {
		char loss[80];
		int n = snprintf(loss, sizeof(loss), "%u lines were lost, syslog did not take them",
				 syslog_lost);

		if (syslog_send(LOG_WARNING, loss, n) == 0)
			syslog_lost = 0;
	}
	if (syslog_send(priority, text, len) == -1)
		syslog_lost++;
}

void
log_init(const char *ident, enum log_dest dest, int verbose)
{
	log_ident = ident;
	log_verbose = verbose;
	log_to(dest);
}

void
log_to(enum log_dest dest)
{
	log_dest = dest;
	if (dest == LOG_DEST_SYSLOG && syslog_fd == -1)
		syslog_open();
}

void
log_set_verbose(int verbose)
{
	log_verbose = verbose;
}

int
log_get_verbose(void)
{
	return log_verbose;
}

/*
 * err: an errno to append, or 0. The line is built first and written in one call, so that
 * lines of several processes on one stderr do not mix.
 */
static void
log_line(int priority, int err, const char *fmt, va_list ap)
{
	char line[LINE_MAX_LEN];
	int saved = errno;
	int n = 0;

	if (log_dest == LOG_DEST_STDERR)
		n = snprintf(line, sizeof(line), "%s: ", log_ident);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	if (m > 0)
		n += m;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	if (err != 0) {
		m = snprintf(line + n, sizeof(line) - (size_t)n, ": %s", strerror(err));
		if (m > 0)
			n += m;
		if (n > (int)sizeof(line) - 2)
			n = (int)sizeof(line) - 2;
	}
	if (log_dest == LOG_DEST_SYSLOG) {
		syslog_line(priority, line, n);
	} else {
		line[n++] = '\n';
		if (write(STDERR_FILENO, line, (size_t)n) < 0) {
			/* Nowhere left to say it. */
		}
	}
	errno = saved;
}

#define LOG_BODY(priority, err)                   \
	do {                                      \
		va_list ap;                       \
		va_start(ap, fmt);                \
		log_line(priority, err, fmt, ap); \
		va_end(ap);                       \
	} while (0)

void
log_warn(const char *fmt, ...)
{
	LOG_BODY(LOG_WARNING, errno);
}

void
log_warnx(const char *fmt, ...)
{
	LOG_BODY(LOG_WARNING, 0);
}

void
log_info(const char *fmt, ...)
{
	LOG_BODY(LOG_INFO, 0);
}

void
log_debug(const char *fmt, ...)
{
	if (log_verbose > 0)
		LOG_BODY(LOG_DEBUG, 0);
}

void
fatal(const char *fmt, ...)
{
	LOG_BODY(LOG_CRIT, errno);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	LOG_BODY(LOG_CRIT, 0);
	exit(1);
}
