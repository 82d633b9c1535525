/* log: one line an event, to stderr or to syslog. See log.h. */
#include "log.h"

#include <errno.h>
#include <paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "mono.h"
#include "quota.h"

#define LINE_MAX_LEN 1024
/* The program's name and ": " before a line on stderr. */
#define HEAD_MAX 80

static const char *log_ident = "memvip";
static enum log_dest log_dest = LOG_DEST_STDERR;
static int log_verbose;
static int log_more; /* levels on top of that, see log_toggle() */
static int syslog_fd = -1;
static unsigned syslog_lost; /* lines that syslog did not take */
static struct quota log_quota;

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
	return log_verbose + log_more;
}

void
log_toggle(void)
{
	log_more = !log_more;
	log_info(log_more ? "SIGUSR1: saying more from here on, as with -v"
			  : "SIGUSR1: saying no more than before from here on");
}

/* Writes text (n bytes, with room for one more), in one call: lines of several processes on one
 * stderr do not mix. */
static void
log_write(int priority, char *text, int n)
{
	struct iovec iov[2];
	char head[HEAD_MAX];

	if (log_dest == LOG_DEST_SYSLOG) {
		syslog_line(priority, text, n);
		return;
	}
	text[n++] = '\n';
	iov[0].iov_base = head;
	iov[0].iov_len = (size_t)snprintf(head, sizeof(head), "%.64s: ", log_ident);
	iov[1].iov_base = text;
	iov[1].iov_len = (size_t)n;
	if (writev(STDERR_FILENO, iov, 2) < 0) {
		/* Nowhere left to say it. */
	}
}

/* Tells what was held back, of each kind that may speak again. */
static void
log_tell_held(int ending, uint64_t now_ms)
{
	char line[LINE_MAX_LEN - HEAD_MAX];
	struct quota_kind *k;

	while ((k = quota_due(&log_quota, ending, now_ms)) != NULL) {
		int n = snprintf(line, sizeof(line),
				 "%llu more lines of this kind in the last %llu s were held back; "
				 "the last: %s",
				 (unsigned long long)k->held,
				 (unsigned long long)(now_ms - k->held_ms) / 1000 + 1, k->sample);
		quota_told(&log_quota, k);
		log_write(LOG_WARNING, line, n);
	}
}

void
log_tick(void)
{
	int saved = errno;

	if (log_quota.held > 0)
		log_tell_held(0, mono_ms());
	errno = saved;
}

/* err: an errno to append, or 0. ending: the program's last line, which nothing holds back. */
static void
log_line(int priority, int err, int ending, const char *fmt, va_list ap)
{
	char line[LINE_MAX_LEN - HEAD_MAX];
	int saved = errno;
	uint64_t now_ms = mono_ms();
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	if (n < 0)
		n = 0;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	if (err != 0) {
		int m = snprintf(line + n, sizeof(line) - (size_t)n, ": %s", strerror(err));
		if (m > 0)
			n += m;
		if (n > (int)sizeof(line) - 2)
			n = (int)sizeof(line) - 2;
	}
	line[n] = '\0';
	log_tell_held(ending, now_ms);
	if (ending || quota_take(&log_quota, fmt, line, now_ms))
		log_write(priority, line, n);
	errno = saved;
}

#define LOG_BODY(priority, err, ending)                   \
	do {                                              \
		va_list ap;                               \
		va_start(ap, fmt);                        \
		log_line(priority, err, ending, fmt, ap); \
		va_end(ap);                               \
	} while (0)

void
log_warn(const char *fmt, ...)
{
	LOG_BODY(LOG_WARNING, errno, 0);
}

void
log_warnx(const char *fmt, ...)
{
	LOG_BODY(LOG_WARNING, 0, 0);
}

void
log_info(const char *fmt, ...)
{
	LOG_BODY(LOG_INFO, 0, 0);
}

void
log_debug(const char *fmt, ...)
{
	if (log_verbose + log_more > 0)
		LOG_BODY(LOG_DEBUG, 0, 0);
}

void
fatal(const char *fmt, ...)
{
	LOG_BODY(LOG_CRIT, errno, 1);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	LOG_BODY(LOG_CRIT, 0, 1);
	exit(1);
}
