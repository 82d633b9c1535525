/* keepalived: does keepalived live in this network namespace, and which process is its main one? */
#ifndef MEMVIP_KEEPALIVED_H
#define MEMVIP_KEEPALIVED_H

#include "proc.h"

/*
 * Is this process keepalived? Its executable decides (an init script is named so too); where
 * that cannot be read (no privileges), its name does. A zombie is not. Returns 1 or 0.
 */
int keepalived_is(const struct proc_info *p);

/*
 * Looks for keepalived's main process in this network namespace: the one whose parent is not
 * keepalived. Of several the one listed first. main_pid may be NULL.
 * Returns 1; 0 when there is none; -1 with errno set when that could not be found out.
 */
int keepalived_find(pid_t *main_pid);

#endif
