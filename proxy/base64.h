/*
 * base64: the form in which a key with any bytes travels in a meta command (flag b). It reads as
 * memcached reads: bytes that are not of the alphabet are passed over, the first padding ends it.
 */
#ifndef MEMVIP_BASE64_H
#define MEMVIP_BASE64_H

#include <stddef.h>

/* Characters that n bytes become. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Writes BASE64_LEN(n) characters to out; returns their number. */
size_t base64_encode(char *out, const char *p, size_t n);

/* Reads n characters; writes at most n / 4 * 3 bytes to out. Returns their number, 0: no base64. */
size_t base64_decode(char *out, const char *p, size_t n);

#endif
