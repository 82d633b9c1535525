/*
 * proto_meta: what a meta command's line says (protocol.txt, "Meta Commands"). Bytes in, the
 * command out; no I/O, no allocation, no pointer kept. The rules and the error texts are those of
 * memcached 1.6.18; what only a newer server may know (a flag, a mode) is left to the server, marked
 * as odd.
 */
#ifndef MEMVIP_PROTO_META_H
#define MEMVIP_PROTO_META_H

#include <stddef.h>
#include <stdint.h>

#include "proto_line.h"

/* The flags of one command, made anew; those of 1.6.18 come to 180 bytes at most. */
#define META_TEXT_MAX 255
/* An opaque may have so many bytes, its O counted. */
#define META_OPAQUE_MAX 32

enum meta_cmd {
	META_GET = 'g',
	META_SET = 's',
	META_DELETE = 'd',
	META_ARITH = 'a',
	META_DEBUG = 'e',
};

/*
 * The flags that a server is to see, in their order, a space before each: " v t Oabc T30". Numbers
 * are written anew, q (which the proxy obeys itself), P and L (which a server ignores) are left out.
 */
struct meta_flags {
	uint64_t has;	   /* a bit for each flag from A to z, see meta_has() */
	uint64_t cas;	   /* C */
	uint64_t initial;  /* J */
	uint32_t body_len; /* ms: bytes of the value, without its \r\n */
	uint8_t cmd;	   /* enum meta_cmd */
	uint8_t mode;	   /* M's letter; 0: none */
	uint8_t odd;	   /* it is for the server to say what this does, or that it is wrong */
	uint8_t text_len;
	char text[META_TEXT_MAX];
};

struct proto_meta {
	struct meta_flags flags;
	const char *error; /* what to answer, without \r\n; NULL: it is a command */
	uint32_t line_len; /* with the newline: where the data block or the next line begins */
	uint32_t swallow;  /* with error: bytes behind the line that are none of a command */
	uint8_t key_len;
	char key[PROTO_KEY_MAX]; /* decoded (b) */
};

static inline int
meta_has(const struct meta_flags *f, char flag)
{
	return flag >= 'A' && flag <= 'z' && (f->has >> (flag - 'A') & 1) != 0;
}

/* Parses the line of n bytes at p, its newline included, that begins with a meta command's name. */
void proto_meta_parse(const char *p, size_t n, struct proto_meta *m);

/*
 * Can the key stand in a line as it is? Else it travels in base64. (memcached wants no more: control
 * characters and bytes above 127 do stand in keys.)
 */
int meta_key_is_text(const char *key, size_t len);

#endif
