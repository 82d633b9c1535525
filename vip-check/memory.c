/* memory: what was said last. See memory.h. */
#include "memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "file.h"

#define SAY_AGAIN_MS UINT64_C(600000)

int
memory_verdict(int dir, const char *mode, const struct addr *vip, int healthy)
{
	char name[2 * ADDR_TEXT_MAX], was[16];
	int was_healthy = 1;

	if (dir == -1)
		return 0;
	if (vip != NULL) {
		char ip[ADDR_TEXT_MAX];

		addr_ip(vip, ip, sizeof(ip));
		snprintf(name, sizeof(name), "check-%s_%u.%s", ip, addr_port(vip), mode);
	} else {
		snprintf(name, sizeof(name), "check.%s", mode);
	}
	if (file_read(dir, name, was, sizeof(was)) > 0)
		was_healthy = strcmp(was, "no\n") != 0;
	if (healthy == was_healthy)
		return 0;
	/* Not written: said again the next time, rather than never. */
	(void)file_replace(dir, name, healthy ? "yes\n" : "no\n", 0644);
	return !healthy;
}

int
memory_error(int dir, const char *text)
{
	char name[64], stamp[32];
	uint64_t said_ms, now_ms = boot_ms();
	uint32_t hash =
	    2166136261u; /* FNV-1a: checks of several instances may fail in their own ways */

	if (dir == -1)
		return 0;
	for (const char *c = text; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	snprintf(name, sizeof(name), "check-error-%08" PRIx32, hash);
	if (file_read(dir, name, stamp, sizeof(stamp)) > 0 &&
	    sscanf(stamp, "%" SCNu64, &said_ms) == 1 && said_ms <= now_ms &&
	    now_ms - said_ms < SAY_AGAIN_MS)
		return 0;
	snprintf(stamp, sizeof(stamp), "%" PRIu64 "\n", now_ms);
	(void)file_replace(dir, name, stamp, 0644);
	return 1;
}
