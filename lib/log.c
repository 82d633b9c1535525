/* log: one line an event, to stderr or to syslog. See log.h. */
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define LINE_MAX_LEN 1024

static const char *log_ident = "memvip";
static enum log_dest log_dest = LOG_DEST_STDERR;
static int log_verbose;

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
	if (dest == LOG_DEST_SYSLOG)
		openlog(log_ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
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
		syslog(priority, "%.*s", n, line);
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
