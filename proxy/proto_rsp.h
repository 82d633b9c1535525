/*
 * proto_rsp: what a memcached's reply says. Bytes in, offsets and a verdict out; no I/O, no
 * allocation, no pointer kept (protocol.txt, "Retrieval command", "Error strings").
 */
#ifndef MEMVIP_PROTO_RSP_H
#define MEMVIP_PROTO_RSP_H

#include <stddef.h>
#include <stdint.h>

#include "proto_req.h" /* enum proto_verdict */

/* A reply line longer than this is nonsense. */
#define PROTO_RSP_LINE_MAX 2048
/* A value longer than this is nonsense (memcached's -I goes to 1 GiB). */
#define PROTO_RSP_VALUE_MAX (UINT32_C(1) << 30)

enum rsp_type {
	RSP_VALUE, /* VALUE <key> <flags> <bytes> [<cas unique>], then the data block */
	RSP_END,
	RSP_STORED,
	RSP_NOT_STORED,
	RSP_EXISTS,
	RSP_NOT_FOUND,
	RSP_DELETED,
	RSP_TOUCHED,
	RSP_OK,
	RSP_NUMBER, /* the new value of incr and decr */
	RSP_VERSION,
	RSP_STAT,
	RSP_HD,		  /* meta: done, no value (protocol.txt, "Meta Commands") */
	RSP_EN,		  /* meta: no such item */
	RSP_NS,		  /* meta: not stored */
	RSP_EX,		  /* meta: exists */
	RSP_NF,		  /* meta: not found */
	RSP_ME,		  /* meta: what me tells */
	RSP_VA,		  /* VA <bytes> [<flags>*], then the data block */
	RSP_ERROR,	  /* ERROR */
	RSP_CLIENT_ERROR, /* CLIENT_ERROR text */
	RSP_SERVER_ERROR  /* SERVER_ERROR text */
};

struct proto_rsp {
	enum rsp_type type;
	uint32_t total;	   /* bytes of the whole reply, data block and \r\n included */
	uint32_t line_len; /* of its first line, with \r\n */
	/* RSP_VALUE; offsets from the first byte */
	uint32_t key, key_len;
	uint32_t head_len; /* up to and with <bytes>: where a cas unique would be appended */
	uint32_t body_len;
	uint64_t cas;
	uint8_t has_cas;
};

/*
 * Parses one reply from n bytes at p. With PROTO_AGAIN, *need is how many bytes the reply is known
 * to have (0: not known yet). PROTO_BAD: no memcached says this.
 */
enum proto_verdict proto_rsp_parse(const char *p, size_t n, struct proto_rsp *r, size_t *need);

#endif
