/*
 * wire: the lines that are sent to servers, made anew from what was understood. No byte of a
 * client's line but its key goes upstream, so a server can never read a line otherwise than we did.
 */
#ifndef MEMVIP_WIRE_H
#define MEMVIP_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "proto_req.h"

/* The longest: prepend, key, four numbers. (A key in base64 has 250 characters at most as well.) */
#define WIRE_LINE_MAX (PROTO_KEY_MAX + 100)

/* Each writes one line with its \r\n to out (WIRE_LINE_MAX bytes) and returns its length. */

/* set, add, replace, append, prepend; cas with the server's unique. */
size_t wire_storage(char *out, enum req_cmd cmd, const char *key, size_t key_len, uint32_t flags,
		    int32_t exptime, uint32_t body_len, uint64_t unique);
/* Of a key that is no text (meta_key_is_text()): by md, which answers HD or NF. */
size_t wire_delete(char *out, const char *key, size_t key_len);
size_t wire_arith(char *out, enum req_cmd cmd, const char *key, size_t key_len, uint64_t delta);
size_t wire_touch(char *out, const char *key, size_t key_len, int32_t exptime);
/* gat, gats */
size_t wire_gat(char *out, enum req_cmd cmd, const char *key, size_t key_len, int32_t exptime);

/* mg: value, flags, time to live and cas unique, without touching the item's place in the LRU. */
size_t wire_meta_get(char *out, const char *key, size_t key_len);
/* ms: ttl in seconds, -1 for ever; add: only where there is none. */
size_t wire_meta_set(char *out, const char *key, size_t key_len, uint32_t body_len, uint32_t flags,
		     int64_t ttl, int add);
/* mg without any flag: does it hit, and keep it alive. */
size_t wire_meta_touch(char *out, const char *key, size_t key_len);
/* md: stale again, as it was before a read won the right to renew it; only if its unique is that one. */
size_t wire_meta_stale(char *out, const char *key, size_t key_len, uint64_t unique);

#endif
