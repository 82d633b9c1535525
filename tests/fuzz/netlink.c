/* Intent: whatever comes over netlink, vip stays inside it, and an answer that is not whole is never
 * taken for "not here". */
#include "fuzz.h"

/* Its parsers are its own; so is the number that a dump carries. */
#include "../../lib/vip.c"

static void
look(const char *p, size_t n, unsigned seq, const struct addr *ip)
{
	struct vip_place place = {0, 0, 0};
	int found = 0;
	enum vip_scan scan = vip_scan(p, n, seq, ip, &found, &place);

	if (scan != VIP_SCAN_BAD)
		MUST(n >= sizeof(struct nlmsghdr));
	if (found)
		MUST(n >= sizeof(struct nlmsghdr) + sizeof(struct ifaddrmsg));
	/* A dump's place is optional, and it says the same without. */
	found = 0;
	MUST(vip_scan(p, n, seq, ip, &found, NULL) == scan);
	MUST(watch_concerns(p, n, ip) == 0 || n > 0);
}

/* Every prefix of an answer that has ended well is one that has not, or has ended there. */
static void
look_cut(const char *p, size_t n, unsigned seq, const struct addr *ip)
{
	size_t step = n > 512 ? n / 128 : 1;

	for (size_t len = 0; len < n; len += step) {
		char *cut = fuzz_copy(p, len);
		int found = 0;

		if (len == 0)
			MUST(vip_scan(cut, len, seq, ip, &found, NULL) == VIP_SCAN_BAD);
		else
			vip_scan(cut, len, seq, ip, &found, NULL);
		watch_concerns(cut, len, ip);
		free(cut);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const ips[] = {"192.168.58.100", "2001:db8::100", "0.0.0.0"};
	struct addr ip;
	const char *why;
	char *copy;

	if (size < 1)
		return 0;
	MUST(addr_parse(&ip, ips[data[0] % 3], 1, ADDR_NUMERIC, &why) == 0);
	copy = fuzz_copy(data + 1, size - 1);
	look(copy, size - 1, 1, &ip);
	look_cut(copy, size - 1, 1, &ip);
	free(copy);
	return 0;
}
