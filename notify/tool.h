/* tool: runs a program to its end, or to a deadline, and keeps what it says. For check-setup. */
#ifndef MEMVIP_TOOL_H
#define MEMVIP_TOOL_H

#include <stddef.h>

struct tool {
	int status; /* its exit status; -1: it was ended by a signal */
	char *
	    text; /* what it wrote to stdout and stderr, ended with a NUL; tool_free() releases it */
	size_t len;
	int cut; /* it wrote more than is kept */
};

/*
 * Runs argv (argv[0]: a path, or a name that is looked for in PATH, /usr/sbin and /sbin), in the C
 * locale, with nothing to read, in a process group of its own. Returns 0 when it has ended by itself;
 * else -1 with errno set: ENOENT when there is no such program, ETIMEDOUT when it (and its group) was
 * killed. The struct is to be released in any case.
 */
int tool_run(struct tool *t, const char *const *argv, int timeout_ms);

/* Is there such a program? Returns 1 or 0. */
int tool_exists(const char *name);

void tool_free(struct tool *t);

/* Its first line that is not empty, cut to size, without its end; "" when it said nothing. */
void tool_line(const struct tool *t, char *buf, size_t size);

#endif
