/* behaviour: what a user of libmemcached may switch on, by name. See behaviour.h. */
#include "behaviour.h"

#include <stdlib.h>
#include <string.h>

struct name {
	const char *name;
	int value;
};

static const struct name behaviours[] = {
    {"auto-eject-hosts", MEMCACHED_BEHAVIOR_AUTO_EJECT_HOSTS},
    {"buffer-requests", MEMCACHED_BEHAVIOR_BUFFER_REQUESTS},
    {"cork", MEMCACHED_BEHAVIOR_CORK},
    {"distribution", MEMCACHED_BEHAVIOR_DISTRIBUTION},
    {"hash", MEMCACHED_BEHAVIOR_HASH},
    {"hash-with-prefix-key", MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY},
    {"io-bytes-watermark", MEMCACHED_BEHAVIOR_IO_BYTES_WATERMARK},
    {"io-key-prefetch", MEMCACHED_BEHAVIOR_IO_KEY_PREFETCH},
    {"io-msg-watermark", MEMCACHED_BEHAVIOR_IO_MSG_WATERMARK},
    {"ketama", MEMCACHED_BEHAVIOR_KETAMA},
    {"ketama-hash", MEMCACHED_BEHAVIOR_KETAMA_HASH},
    {"ketama-weighted", MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED},
    {"no-block", MEMCACHED_BEHAVIOR_NO_BLOCK},
    {"noreply", MEMCACHED_BEHAVIOR_NOREPLY},
    {"remove-failed-servers", MEMCACHED_BEHAVIOR_REMOVE_FAILED_SERVERS},
    {"socket-recv-size", MEMCACHED_BEHAVIOR_SOCKET_RECV_SIZE},
    {"socket-send-size", MEMCACHED_BEHAVIOR_SOCKET_SEND_SIZE},
    {"sort-hosts", MEMCACHED_BEHAVIOR_SORT_HOSTS},
    {"support-cas", MEMCACHED_BEHAVIOR_SUPPORT_CAS},
    {"tcp-keepalive", MEMCACHED_BEHAVIOR_TCP_KEEPALIVE},
    {"tcp-nodelay", MEMCACHED_BEHAVIOR_TCP_NODELAY},
    {"verify-key", MEMCACHED_BEHAVIOR_VERIFY_KEY},
};

static const struct name values[] = {
    {"default", MEMCACHED_HASH_DEFAULT},
    {"md5", MEMCACHED_HASH_MD5},
    {"crc", MEMCACHED_HASH_CRC},
    {"fnv1-64", MEMCACHED_HASH_FNV1_64},
    {"fnv1a-64", MEMCACHED_HASH_FNV1A_64},
    {"fnv1-32", MEMCACHED_HASH_FNV1_32},
    {"fnv1a-32", MEMCACHED_HASH_FNV1A_32},
    {"hsieh", MEMCACHED_HASH_HSIEH},
    {"murmur", MEMCACHED_HASH_MURMUR},
    {"murmur3", MEMCACHED_HASH_MURMUR3},
    {"jenkins", MEMCACHED_HASH_JENKINS},
    {"modula", MEMCACHED_DISTRIBUTION_MODULA},
    {"consistent", MEMCACHED_DISTRIBUTION_CONSISTENT},
    {"consistent-ketama", MEMCACHED_DISTRIBUTION_CONSISTENT_KETAMA},
    {"consistent-ketama-spy", MEMCACHED_DISTRIBUTION_CONSISTENT_KETAMA_SPY},
    {"consistent-weighted", MEMCACHED_DISTRIBUTION_CONSISTENT_WEIGHTED},
    {"random", MEMCACHED_DISTRIBUTION_RANDOM},
};

/* Returns the place of the word of that length, or NULL. */
static const struct name *
find(const struct name *names, size_t n, const char *word, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(names[i].name) == len && memcmp(names[i].name, word, len) == 0)
			return &names[i];
	return NULL;
}

memcached_return_t
behaviour_set(memcached_st *m, const char *word)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] == '=' ? word + len + 1 : "1";
	const struct name *what, *number;

	if (len == 6 && memcmp(word, "prefix", 6) == 0)
		return memcached_callback_set(m, MEMCACHED_CALLBACK_PREFIX_KEY, value);
	what = find(behaviours, sizeof(behaviours) / sizeof(behaviours[0]), word, len);
	if (what == NULL)
		return MEMCACHED_INVALID_ARGUMENTS;
	number = find(values, sizeof(values) / sizeof(values[0]), value, strlen(value));
	return memcached_behavior_set(m, (memcached_behavior_t)what->value,
				      number != NULL ? (uint64_t)number->value
						     : strtoull(value, NULL, 10));
}
