/*
 * statedir: where the check remembers things from one run to the next: the run directory, or,
 * where an unprivileged script user may not write there, /dev/shm/memvip-UID.
 */
#ifndef MEMVIP_STATEDIR_H
#define MEMVIP_STATEDIR_H

enum statedir_how {
	STATEDIR_LOOK, /* as it is; nothing is made */
	STATEDIR_MAKE  /* made first (0755, the other one 0700) when it is missing */
};

/*
 * Opens path, or the other directory where path cannot be written to. The latter must be the
 * caller's alone: anybody can make a directory of that name. Returns a descriptor (close-on-exec;
 * with LOOK perhaps a read-only directory), or -1 with errno set: then nothing is remembered,
 * which is no reason to fail. *err: why path could not be used, said once a boot (when the other
 * directory is made); else 0.
 */
int statedir_open(const char *path, enum statedir_how how, int *err);

#endif
