/* hold: the hold-down. See hold.h. */
#include "hold.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "file.h"

static uint64_t
hold_span(uint64_t fails)
{
	uint64_t ms = HOLD_MIN_MS;

	while (--fails > 0 && ms < HOLD_MAX_MS)
		ms *= 2;
	return ms < HOLD_MAX_MS ? ms : HOLD_MAX_MS;
}

void
hold_failed(struct hold *h, uint64_t now_ms)
{
	/* A run of failures is one: keepalived asks several times before it gives the VIP up. */
	if (h->fails == 0 || h->until_ms <= now_ms)
		h->fails++;
	h->failed_ms = now_ms;
	h->until_ms = now_ms + hold_span(h->fails);
	h->peer_until_ms = now_ms + HOLD_MAX_MS;
}

void
hold_answered(struct hold *h, uint64_t now_ms)
{
	h->until_ms = h->peer_until_ms = 0;
	if (now_ms - h->failed_ms >= HOLD_FORGET_MS)
		memset(h, 0, sizeof(*h));
}

enum hold_verdict
hold_judge(const struct hold *h, uint64_t now_ms)
{
	if (now_ms < h->until_ms)
		return HOLD_HELD;
	return now_ms < h->peer_until_ms ? HOLD_WHILE_PEER_SERVES : HOLD_FREE;
}

void
hold_parse(struct hold *h, const char *text, const char *boot, uint64_t now_ms)
{
	char of[BOOT_ID_MAX];

	if (sscanf(text,
		   "fails %" SCNu64 " failed_boottime_ms %" SCNu64 " until_boottime_ms %" SCNu64
		   " peer_until_boottime_ms %" SCNu64 " boot_id %39s",
		   &h->fails, &h->failed_ms, &h->until_ms, &h->peer_until_ms, of) != 5 ||
	    strcmp(of, boot) != 0 || h->failed_ms > now_ms || h->until_ms > now_ms + HOLD_MAX_MS ||
	    h->peer_until_ms > now_ms + HOLD_MAX_MS || now_ms - h->failed_ms >= HOLD_FORGET_MS)
		memset(h, 0, sizeof(*h));
}

void
hold_format(const struct hold *h, const char *boot, char text[HOLD_TEXT_MAX])
{
	snprintf(text, HOLD_TEXT_MAX,
		 "fails %" PRIu64 "\nfailed_boottime_ms %" PRIu64 "\nuntil_boottime_ms %" PRIu64
		 "\npeer_until_boottime_ms %" PRIu64 "\nboot_id %s\n",
		 h->fails, h->failed_ms, h->until_ms, h->peer_until_ms, boot);
}

static void
hold_name(char *name, size_t size, const struct addr *vip)
{
	char ip[ADDR_TEXT_MAX];

	addr_ip(vip, ip, sizeof(ip));
	snprintf(name, size, "check-%s_%u.hold", ip, addr_port(vip));
}

void
hold_load(struct hold *h, int dir, const struct addr *vip)
{
	char name[2 * ADDR_TEXT_MAX], text[HOLD_TEXT_MAX], boot[BOOT_ID_MAX];

	memset(h, 0, sizeof(*h));
	hold_name(name, sizeof(name), vip);
	if (dir == -1 || file_read(dir, name, text, sizeof(text)) == -1)
		return;
	(void)boot_id(boot);
	hold_parse(h, text, boot, boot_ms());
}

int
hold_save(const struct hold *h, int dir, const struct addr *vip)
{
	char name[2 * ADDR_TEXT_MAX], text[HOLD_TEXT_MAX], boot[BOOT_ID_MAX];

	if (dir == -1) {
		errno = EACCES;
		return -1;
	}
	hold_name(name, sizeof(name), vip);
	if (h->fails == 0)
		return unlinkat(dir, name, 0) == 0 || errno == ENOENT ? 0 : -1;
	if (boot_id(boot) == -1)
		return -1;
	hold_format(h, boot, text);
	return file_replace(dir, name, text, 0644);
}
