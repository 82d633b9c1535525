/* holddown: the hold-down. See holddown.h. */
#include "holddown.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "file.h"

static uint64_t
holddown_span(uint64_t fails)
{
	uint64_t ms = HOLDDOWN_MIN_MS;

	while (--fails > 0 && ms < HOLDDOWN_MAX_MS)
		ms *= 2;
	return ms < HOLDDOWN_MAX_MS ? ms : HOLDDOWN_MAX_MS;
}

void
holddown_failed(struct holddown *h, uint64_t now_ms)
{
	/* A run of failures is one: keepalived asks several times before it gives the VIP up. */
	if (h->fails == 0 || h->until_ms <= now_ms)
		h->fails++;
	h->failed_ms = now_ms;
	h->until_ms = now_ms + holddown_span(h->fails);
	h->peer_until_ms = now_ms + HOLDDOWN_MAX_MS;
}

void
holddown_answered(struct holddown *h, uint64_t now_ms)
{
	h->until_ms = h->peer_until_ms = 0;
	if (now_ms - h->failed_ms >= HOLDDOWN_FORGET_MS)
		memset(h, 0, sizeof(*h));
}

enum holddown_verdict
holddown_judge(const struct holddown *h, uint64_t now_ms)
{
	if (now_ms < h->until_ms)
		return HOLDDOWN_HELD;
	return now_ms < h->peer_until_ms ? HOLDDOWN_WHILE_PEER_SERVES : HOLDDOWN_FREE;
}

void
holddown_parse(struct holddown *h, const char *text, const char *boot, uint64_t now_ms)
{
	char of[BOOT_ID_MAX];

	if (sscanf(text,
		   "fails %" SCNu64 " failed_boottime_ms %" SCNu64 " until_boottime_ms %" SCNu64
		   " peer_until_boottime_ms %" SCNu64 " boot_id %39s",
		   &h->fails, &h->failed_ms, &h->until_ms, &h->peer_until_ms, of) != 5 ||
	    strcmp(of, boot) != 0 || h->failed_ms > now_ms ||
	    h->until_ms > now_ms + HOLDDOWN_MAX_MS || h->peer_until_ms > now_ms + HOLDDOWN_MAX_MS ||
	    now_ms - h->failed_ms >= HOLDDOWN_FORGET_MS)
		memset(h, 0, sizeof(*h));
}

void
holddown_format(const struct holddown *h, const char *boot, char text[HOLDDOWN_TEXT_MAX])
{
	snprintf(text, HOLDDOWN_TEXT_MAX,
		 "fails %" PRIu64 "\nfailed_boottime_ms %" PRIu64 "\nuntil_boottime_ms %" PRIu64
		 "\npeer_until_boottime_ms %" PRIu64 "\nboot_id %s\n",
		 h->fails, h->failed_ms, h->until_ms, h->peer_until_ms, boot);
}

static void
holddown_name(char *name, size_t size, const struct addr *vip)
{
	char ip[ADDR_TEXT_MAX];

	addr_ip(vip, ip, sizeof(ip));
	snprintf(name, size, "check-%s_%u.hold", ip, addr_port(vip));
}

void
holddown_load(struct holddown *h, int dir, const struct addr *vip)
{
	char name[2 * ADDR_TEXT_MAX], text[HOLDDOWN_TEXT_MAX], boot[BOOT_ID_MAX];

	memset(h, 0, sizeof(*h));
	holddown_name(name, sizeof(name), vip);
	if (dir == -1 || file_read(dir, name, text, sizeof(text)) == -1)
		return;
	(void)boot_id(boot);
	holddown_parse(h, text, boot, boot_ms());
}

int
holddown_save(const struct holddown *h, int dir, const struct addr *vip)
{
	char name[2 * ADDR_TEXT_MAX], text[HOLDDOWN_TEXT_MAX], boot[BOOT_ID_MAX];

	if (dir == -1) {
		errno = EACCES;
		return -1;
	}
	holddown_name(name, sizeof(name), vip);
	if (h->fails == 0)
		return unlinkat(dir, name, 0) == 0 || errno == ENOENT ? 0 : -1;
	if (boot_id(boot) == -1)
		return -1;
	holddown_format(h, boot, text);
	return file_replace(dir, name, text, 0644);
}
