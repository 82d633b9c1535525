/*
 * md5: the digest of RFC 1321. For placement only, where libmemcached's ketama wants it; nothing is
 * kept safe by it.
 */
#ifndef MEMVIP_MD5_H
#define MEMVIP_MD5_H

#include <stddef.h>

#define MD5_LEN 16

/* The digest of len bytes. Never fails. */
void md5(const void *data, size_t len, unsigned char digest[MD5_LEN]);

#endif
