/*
 * proto_req: what a client's command line says. Bytes in, offsets and a verdict out; no I/O, no
 * allocation, no pointer kept. The rules and the error texts are memcached's own (protocol.txt,
 * and memcached 1.6.18 where it is silent).
 */
#ifndef MEMVIP_PROTO_REQ_H
#define MEMVIP_PROTO_REQ_H

#include <stddef.h>
#include <stdint.h>

#include "proto_line.h"

/* A get with many keys: memcached has no limit, memvip stops at this many bytes. */
#define PROTO_GET_LINE_MAX (8u << 20)

enum req_cmd {
	REQ_GET,
	REQ_GETS,
	REQ_GAT,
	REQ_GATS,
	REQ_SET,
	REQ_ADD,
	REQ_REPLACE,
	REQ_APPEND,
	REQ_PREPEND,
	REQ_CAS,
	REQ_DELETE,
	REQ_INCR,
	REQ_DECR,
	REQ_TOUCH,
	REQ_FLUSH_ALL,
	REQ_VERSION,
	REQ_VERBOSITY,
	REQ_STATS,
	REQ_MN,
	REQ_QUIT,
	REQ_META, /* one of these, see proto_meta.h: */
	REQ_MG,
	REQ_MS,
	REQ_MD,
	REQ_MA,
	REQ_ME,
	REQ_ERROR /* answer with the constant text in error */
};

/* Does a data block follow the line? */
static inline int
req_cmd_has_body(enum req_cmd cmd)
{
	return cmd >= REQ_SET && cmd <= REQ_CAS;
}

/* One parsed line. Offsets count from the first byte that was given to proto_req_parse(). */
struct proto_req {
	enum req_cmd cmd;
	uint32_t line_len; /* with the newline: where the data block or the next line begins */
	uint32_t key;	   /* offset; for the get family the first byte of the list of keys */
	uint32_t key_len;  /* for the get family the length of the list, blanks included */
	uint32_t n_keys;   /* get family: how many keys the list has; may be 0 for gat */
	uint8_t tidy;	   /* ... with one blank between two, and none begins with '_' */
	uint32_t arg;	   /* stats: offset of the sub-command */
	uint32_t arg_len;
	uint32_t flags;	 /* storage */
	int32_t exptime; /* storage, touch, gat; flush_all: the delay; seconds as in protocol.txt */
	uint32_t body_len; /* storage: bytes of the value, without its \r\n */
	uint64_t number;   /* cas: the unique; incr, decr: the delta; verbosity: the level */
	uint8_t noreply;
	uint8_t has_delay; /* flush_all came with a delay */
	const char *error; /* REQ_ERROR: what to answer, without \r\n */
};

/*
 * Parses one command line from n bytes at p. *r is only meaningful with PROTO_OK. A line that
 * memcached would refuse is PROTO_OK with cmd REQ_ERROR.
 */
enum proto_verdict proto_req_parse(const char *p, size_t n, struct proto_req *r);

/*
 * Next word of the list of keys at p[*at..end). Returns its length and sets *key to its offset,
 * moves *at past it; 0 when the list has ended.
 */
uint32_t proto_req_next_key(const char *p, uint32_t *at, uint32_t end, uint32_t *key);

#endif
