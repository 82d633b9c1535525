/*
 * holddown: the hold-down. A node that has failed with the VIP must not look healthy as soon as it
 * has lost it, or it would take it back, fail again, and so on. It stays unhealthy for 5 s,
 * doubling to 60 s while it goes on failing; and for 60 s while the other node serves the VIP,
 * since then nobody waits for this one.
 *
 * The file, in the run directory: check-IP_PORT.hold, lines of a name and a value.
 * memvip-notify ends a hold-down by removing it.
 */
#ifndef MEMVIP_HOLDDOWN_H
#define MEMVIP_HOLDDOWN_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define HOLDDOWN_MIN_MS	   UINT64_C(5000)
#define HOLDDOWN_MAX_MS	   UINT64_C(60000)
#define HOLDDOWN_FORGET_MS UINT64_C(300000) /* without failing that long: a clean record */
#define HOLDDOWN_TEXT_MAX  256

struct holddown {
	uint64_t fails;		/* 0: a clean record */
	uint64_t failed_ms;	/* when it failed last with the VIP; boot_ms() */
	uint64_t until_ms;	/* held until then; 0: it has answered with the VIP since */
	uint64_t peer_until_ms; /* and until then while the other node serves the VIP */
};

/* The rule, no I/O. now_ms: boot_ms(). */
void holddown_failed(struct holddown *h, uint64_t now_ms);   /* it failed with the VIP */
void holddown_answered(struct holddown *h, uint64_t now_ms); /* it serves with the VIP */

enum holddown_verdict { HOLDDOWN_FREE, HOLDDOWN_WHILE_PEER_SERVES, HOLDDOWN_HELD };
enum holddown_verdict holddown_judge(const struct holddown *h, uint64_t now_ms);

/*
 * The file's text. holddown_parse() gives a clean record for what is damaged, of another boot, or
 * of a time that cannot be.
 */
void holddown_parse(struct holddown *h, const char *text, const char *boot, uint64_t now_ms);
void holddown_format(const struct holddown *h, const char *boot, char text[HOLDDOWN_TEXT_MAX]);

/* dir: descriptor of the run directory, -1: nothing is remembered. load never fails. */
void holddown_load(struct holddown *h, int dir, const struct addr *vip);
/* Writes it, or removes it when the record is clean. Returns 0, or -1 with errno set. */
int holddown_save(const struct holddown *h, int dir, const struct addr *vip);

#endif
