/* rundir: the run directory, the names of its files, and the lock of one custody. */
#ifndef MEMVIP_RUNDIR_H
#define MEMVIP_RUNDIR_H

#include <stddef.h>

#include "addr.h"

#define RUNDIR_KEY_MAX 64 /* IP "_" PORT, with the NUL */

/*
 * Opens the directory. create: makes it (0755) when it is missing; its parent must be there. It must
 * belong to root or the caller, and only its owner may write to it: what is read there decides
 * which process is signalled. Returns a descriptor (close-on-exec), or -1 with a line in err.
 */
int rundir_open(const char *path, int create, char *err, size_t err_size);

/* The name of the custody of this address: "192.168.58.100_12000", "::1_12000". */
void rundir_key(char key[RUNDIR_KEY_MAX], const struct addr *vip);

/*
 * Takes the custody's lock, without waiting. It belongs to whoever has the descriptor (close-on-exec)
 * open, children included, and ends with the last of them (flock(2)); a custodian holds it while it
 * lives. Returns the descriptor, or -1 with errno set: EWOULDBLOCK when somebody else has it.
 */
int rundir_lock(int dir, const char *key);

/* Ends the check's hold-down (check-IP_PORT.hold). Returns 1 when there was one. */
int rundir_clear_hold(int dir, const char *key);

/* Calls each(key, arg) for every state file there is. Returns 0, or -1 with errno set. */
int rundir_each(int dir, void (*each)(const char *key, void *arg), void *arg);

#endif
