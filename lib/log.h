/*
 * log: one line an event, to stderr (foreground) or to syslog (background, hooks).
 *
 * Lines of one kind (one place in the code: the format) that come too fast are held back, and their
 * number is told; see quota.h for how fast that is. Fatal ones never are.
 *
 * Every call keeps errno. log_warn() appends strerror(errno), log_warnx() does not.
 */
#ifndef MEMVIP_LOG_H
#define MEMVIP_LOG_H

#include <stdarg.h>

enum log_dest { LOG_DEST_STDERR, LOG_DEST_SYSLOG };

/* ident: the program's name, kept by reference. verbose: 0, or higher for log_debug(). */
void log_init(const char *ident, enum log_dest dest, int verbose);
/* Changes where lines go; used once the start-up story has been told on stderr. */
void log_to(enum log_dest dest);
void log_set_verbose(int verbose);
int log_get_verbose(void);
/* On a signal: says one level more, or no longer; and says which. log_set_verbose() leaves that alone. */
void log_toggle(void);
/* Now and then, by who lives long: what was held back is told even if no line follows. */
void log_tick(void);

#define LOG_PRINTF __attribute__((format(printf, 1, 2)))
void log_warn(const char *fmt, ...) LOG_PRINTF;	 /* something failed; errno says why */
void log_warnx(const char *fmt, ...) LOG_PRINTF; /* something failed */
void log_info(const char *fmt, ...) LOG_PRINTF;	 /* an event worth a line */
void log_debug(const char *fmt, ...) LOG_PRINTF; /* with -v only */
/* Log and exit(1). */
_Noreturn void fatal(const char *fmt, ...) LOG_PRINTF;
_Noreturn void fatalx(const char *fmt, ...) LOG_PRINTF;

#endif
