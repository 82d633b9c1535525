/*
 * op: one operation of a client: which, its bytes, and what its answer means to the judge.
 */
#ifndef MEMVIP_FAULTS_OP_H
#define MEMVIP_FAULTS_OP_H

#include <stddef.h>
#include <stdint.h>

#include "item.h"
#include "judge.h"

#define OP_KEYS_MAX	12   /* of one get */
#define OP_HEAD_MAX	1024 /* bytes of a command line */
#define OP_BALLAST	1000 /* keys that nobody reads, to fill a small server's memory */
#define OP_BALLAST_SIZE (30u * 1024)

enum op_kind { OP_GET, OP_GETS, OP_SET, OP_ADD, OP_CAS, OP_DELETE, OP_INCR, OP_BALLAST_SET };

struct op_key {
	struct judge_view view;
	uint64_t id;	   /* of the value that came; 0: none yet */
	uint8_t overtaken; /* the same client has sent a write on the key behind this read */
};

struct op {
	enum op_kind kind;
	struct judge *judge; /* who judges it; set before op_begin() */
	unsigned n;	     /* keys */
	struct op_key key[OP_KEYS_MAX];
	uint64_t id; /* of the write that it is, 0: none */
	unsigned exptime_s;
	uint64_t based_on, token; /* cas: on the value of which write, and its cas unique */
	uint64_t begun_us;
	uint8_t absent; /* incr: NOT_FOUND */
	/* The value that is being received: whose, and what its line said. */
	int at;
	uint32_t flags;
};

/* What all clients share. */
struct op_world {
	struct item_rules items;
	struct story *story;
	unsigned ballast_percent;
	/* Errors and broken connections are expected now: the proxy is killed. */
	int tolerant;
	/*
	 * overtaken: misses of reads behind which the same client has sent a write on the key. When
	 * the leader is lost under such a read, memvip-proxy answers a miss: the other copy may have
	 * executed that write already, and a value from the future would be a lie.
	 * lag_ms: how late we woke up at worst: the machine was busy with something else.
	 */
#define OP_COUNTS(X)  \
	X(ops)        \
	X(reads)      \
	X(hits)       \
	X(writes)     \
	X(cas_stored) \
	X(cas_exists) \
	X(too_big)    \
	X(errors)     \
	X(broken)     \
	X(tolerated)  \
	X(connects)   \
	X(slowest_ms) \
	X(lag_ms)
#define X(name) uint64_t name;
	OP_COUNTS(X)
#undef X
};

enum op_more {
	OP_MORE,    /* another line follows */
	OP_DATA,    /* a data block of *need bytes and \r\n follows: give it to op_data() */
	OP_ENDED,   /* that was all of the answer, and the judge knows */
	OP_NONSENSE /* this answers something else */
};

/* Chooses what to do next. */
void op_choose(struct op *op, const struct op_world *w, uint64_t *rng);
/* A get of one key. */
void op_get(struct op *op, unsigned key);

/*
 * The operation begins: tells the judge, writes the command line (at most OP_HEAD_MAX bytes) and
 * points *body at the data block with *body_len bytes (valid until the next op_begin), or NULL.
 * Returns the length of the line.
 */
size_t op_begin(struct op *op, struct op_world *w, char *line, const char **body, size_t *body_len,
		uint64_t now_us);

/* One line of its answer, NUL-terminated, without \r\n. client: for the story. */
enum op_more op_line(struct op *op, struct op_world *w, unsigned client, const char *line,
		     size_t *need, uint64_t now_us);
enum op_more op_data(struct op *op, struct op_world *w, unsigned client, const char *data,
		     size_t len, uint64_t now_us);
/* There will be no answer. */
void op_unanswered(struct op *op, struct op_world *w, unsigned client, const char *why,
		   uint64_t now_us);

/* next is sent behind op, by the same client. */
void op_overtake(struct op *op, const struct op *next);

/* Does the answer call for another operation (gets: its cas; incr NOT_FOUND: its add)? */
int op_follow(const struct op *op, struct op *next);

#endif
