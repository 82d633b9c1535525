/* item: the names of the keys, and values that say by whom they were written. See item.h. */
#include "item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

size_t
item_name(const struct item_rules *r, unsigned key, char *buf, size_t size)
{
	return (size_t)snprintf(buf, size, "h%llu:%u", (unsigned long long)r->seed, key);
}

int
item_key(const struct item_rules *r, const char *name, size_t len)
{
	char ours[64];
	const char *colon = memchr(name, ':', len);
	unsigned long key;

	if (colon == NULL || len >= sizeof(ours))
		return -1;
	key = strtoul(colon + 1, NULL, 10);
	if (key >= r->keys || item_name(r, (unsigned)key, ours, sizeof(ours)) != len ||
	    memcmp(ours, name, len) != 0)
		return -1;
	return (int)key;
}

int
item_is_big(const struct item_rules *r, uint64_t id)
{
	return rng_mix(r->seed ^ (id * 31)) % 100 < r->big_percent;
}

/* Mostly small, some of more than one read, so that a value is cut in two now and then. */
static size_t
value_len(const struct item_rules *r, uint64_t id)
{
	uint64_t h = rng_mix(id + r->seed);

	if (item_is_big(r, id))
		return r->big_size;
	return h % 16 == 0 ? 3000 + h / 16 % 3000 : 40 + h / 16 % 160;
}

size_t
item_value(const struct item_rules *r, unsigned key, uint64_t id, const char **value)
{
	static char buf[ITEM_VALUE_MAX + 1];
	size_t len, at;

	*value = buf;
	if (item_is_counter(r, key))
		return (size_t)snprintf(buf, sizeof(buf), "%llu",
					(unsigned long long)id * ITEM_COUNT_MAX);
	at = (size_t)snprintf(buf, sizeof(buf), "v%llu:%u:", (unsigned long long)id, key);
	len = value_len(r, id);
	for (; at < len; at++)
		buf[at] = (char)('!' + (id + at) % 90);
	return at;
}

uint32_t
item_flags(const struct item_rules *r, unsigned key, uint64_t id)
{
	return item_is_counter(r, key) ? 0 : (uint32_t)(id * 2654435761u);
}

int
item_parse(const struct item_rules *r, unsigned key, const char *value, size_t len, uint32_t flags,
	   uint64_t *id, uint64_t *count)
{
	char number[32], *end;
	const char *want;
	int counter = item_is_counter(r, key);
	size_t head = len < sizeof(number) - 1 ? len : sizeof(number) - 1;
	unsigned long long n;

	if (len < 2 || (!counter && value[0] != 'v') || (counter && len == head + 1))
		return -1;
	memcpy(number, value, head);
	number[head] = '\0';
	n = strtoull(number + !counter, &end, 10);
	if (counter) {
		*id = n / ITEM_COUNT_MAX;
		*count = n % ITEM_COUNT_MAX;
		return flags == 0 && strspn(end, " ") == strlen(end) ? 0 : -1;
	}
	*id = n;
	*count = 0;
	return flags == item_flags(r, key, n) && item_value(r, key, n, &want) == len &&
		       memcmp(want, value, len) == 0
		   ? 0
		   : -1;
}
