/*
 * hook: brings one custody in line with the truth, on a hook's, sync's or stop's behalf, and returns
 * when that is so or cannot be had.
 *
 * What keepalived said is a hint: its hooks run late, at the same time and in any order. What
 * counts is whether the VIP is on this machine and keepalived lives.
 */
#ifndef MEMVIP_HOOK_H
#define MEMVIP_HOOK_H

#include "args.h"
#include "site.h"

/*
 * what: ARGS_HOOK (with what keepalived said in word), ARGS_SYNC or ARGS_STOP. Says on text what
 * has come of it, one line. Bounded: some seconds at the very worst. Returns 0 when the truth is
 * served (a proxy listens exactly if it should, nobody else holds the port), else 1.
 */
int hook_run(const struct site *site, enum args_what what, const struct word *word, char *text,
	     size_t text_size);

#endif
