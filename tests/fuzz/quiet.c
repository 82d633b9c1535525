/* quiet: lib/log.h without a word, in place of lib/log.c; FUZZ_LOG=1 in the environment lets it
 * talk. Lines are made all the same: what is formatted may be wrong. */
#include <errno.h>
#include <time.h>

#include "clock.h"
#include "fuzz.h"
#include "log.h"

static void
line(const char *kind, const char *fmt, va_list ap)
{
	static int loud = -1;
	char text[1024];
	int saved = errno;

	if (loud == -1)
		loud = getenv("FUZZ_LOG") != NULL;
	vsnprintf(text, sizeof(text), fmt, ap);
	if (loud)
		fprintf(stderr, "%7llu %s: %s\n", (unsigned long long)clock_ms, kind, text);
	errno = saved;
}

#define LINE(kind)                   \
	do {                         \
		va_list ap;          \
		va_start(ap, fmt);   \
		line(kind, fmt, ap); \
		va_end(ap);          \
	} while (0)

void
log_init(const char *ident, enum log_dest dest, int verbose)
{
	(void)ident;
	(void)dest;
	(void)verbose;
}

void
log_to(enum log_dest dest)
{
	(void)dest;
}

void
log_set_verbose(int verbose)
{
	(void)verbose;
}

int
log_get_verbose(void)
{
	return 1;
}

void
log_warn(const char *fmt, ...)
{
	LINE("warn");
}

void
log_warnx(const char *fmt, ...)
{
	LINE("warn");
}

void
log_info(const char *fmt, ...)
{
	LINE("info");
}

void
log_debug(const char *fmt, ...)
{
	LINE("debug");
}

void
fatal(const char *fmt, ...)
{
	LINE("fatal");
	abort();
}

void
fatalx(const char *fmt, ...)
{
	LINE("fatal");
	abort();
}
