/* secure: could anybody but root replace a program that root runs? */
#ifndef MEMVIP_SECURE_H
#define MEMVIP_SECURE_H

#include <stddef.h>

#define SECURE_TEXT_MAX 1200

struct secure_flaw {
	char what[SECURE_TEXT_MAX]; /* which part of the path, and what is wrong with it */
	char todo[SECURE_TEXT_MAX]; /* a command that mends it, "" when there is none */
};

/*
 * Looks at every part of an absolute path, and of what it leads to by symbolic links, by the rule of
 * keepalived's script security: root's; not writable by others, nor by a group other than root's (a
 * folder may be, if it is sticky). Returns 0 when all is well, else -1 with flaw filled.
 */
int secure_path(const char *path, struct secure_flaw *flaw);

/* The same, and it must be a file that root can execute. */
int secure_program(const char *path, struct secure_flaw *flaw);

/*
 * SELinux: is it enforcing, and does the file lack the label with which keepalived may run it freely?
 * Returns 1 with the label in label, else 0.
 */
int secure_selinux_denies(const char *path, char *label, size_t size);

#endif
