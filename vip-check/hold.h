/*
 * hold: the hold-down. A node that has failed with the VIP must not look healthy as soon as it
 * has lost it, or it would take it back, fail again, and so on. It stays unhealthy for 5 s,
 * doubling to 60 s while it goes on failing; and for 60 s while the other node serves the VIP,
 * since then nobody waits for this one.
 *
 * The file, in the run directory: check-IP_PORT.hold, lines of a name and a value.
 * memvip-notify ends a hold-down by removing it.
 */
#ifndef MEMVIP_HOLD_H
#define MEMVIP_HOLD_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define HOLD_MIN_MS    UINT64_C(5000)
#define HOLD_MAX_MS    UINT64_C(60000)
#define HOLD_FORGET_MS UINT64_C(300000) /* without failing that long: a clean record */
#define HOLD_TEXT_MAX  256

struct hold {
	uint64_t fails;		/* 0: a clean record */
	uint64_t failed_ms;	/* when it failed last with the VIP; boot_ms() */
	uint64_t until_ms;	/* held until then; 0: it has answered with the VIP since */
	uint64_t peer_until_ms; /* and until then while the other node serves the VIP */
};

/* The rule, no I/O. now_ms: boot_ms(). */
void hold_failed(struct hold *h, uint64_t now_ms);   /* it failed with the VIP */
void hold_answered(struct hold *h, uint64_t now_ms); /* it serves with the VIP */

enum hold_verdict { HOLD_FREE, HOLD_WHILE_PEER_SERVES, HOLD_HELD };
enum hold_verdict hold_judge(const struct hold *h, uint64_t now_ms);

/*
 * The file's text. hold_parse() gives a clean record for what is damaged, of another boot, or
 * of a time that cannot be.
 */
void hold_parse(struct hold *h, const char *text, const char *boot, uint64_t now_ms);
void hold_format(const struct hold *h, const char *boot, char text[HOLD_TEXT_MAX]);

/* dir: descriptor of the run directory, -1: nothing is remembered. load never fails. */
void hold_load(struct hold *h, int dir, const struct addr *vip);
/* Writes it, or removes it when the record is clean. Returns 0, or -1 with errno set. */
int hold_save(const struct hold *h, int dir, const struct addr *vip);

#endif
