/*
 * frozen: is the process that would end the proxy able to? memvip-notify's custodian gives the
 * port up as soon as the VIP or keepalived goes; a frozen one (SIGSTOP) would leave it open.
 */
#ifndef MEMVIP_FROZEN_H
#define MEMVIP_FROZEN_H

#include <sys/types.h>

#include "addr.h"

/*
 * Looks it up in memvip-notify's state file in run_dir, without waking it. Returns 1 with its
 * *pid when it lives and is stopped, else 0: also where nothing is known of it.
 */
int frozen_custodian(const char *run_dir, const struct addr *vip, pid_t *pid);

/*
 * Finds the custodian in a state file's text: no I/O. boot: this boot's id. Returns 1 with its
 * pid and start time, or 0 when the file names none, or is of another boot.
 */
int frozen_scan(const char *text, const char *boot, pid_t *pid, unsigned long long *start_ticks);

#endif
