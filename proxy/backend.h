/*
 * backend: one pipelined connection to one server. Operations are written in the order in which
 * they are given, all of one turn of the loop in one write, and replies are paired with them in
 * that order.
 *
 *   backend_get/backend_send ─► io.out (bytes) ─► server ─► proto_rsp ─► done()
 *                             └► fifo (ops) ──────────────────┘ head
 *
 * Neighbouring gets of one turn travel as one line, "get k1 k2 k3", and are told apart by key:
 * values come in the order of the keys, a key without one is a miss, END ends the line.
 */
#ifndef MEMVIP_BACKEND_H
#define MEMVIP_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "io.h"
#include "op.h"
#include "stats.h"
#include "timer.h"

/* Keys that one merged line takes: long enough to spare work, short enough to answer soon. */
#define BACKEND_MERGE_MAX 128
/* Lists of the writes that are under way, by a hash of their keys. */
#define BACKEND_WRITES 256

struct backend;
struct backend_ops {
	/* Connected, and the server has answered version with the n bytes at text. */
	void (*ready)(struct backend *b, const char *text, size_t n);
	/* The connection cannot be used any more: why is a clause for the log. */
	void (*lost)(struct backend *b, const char *why);
	/* Something is expected from the server again: its silence is to be watched. */
	void (*busy)(struct backend *b);
	/* The server speaks again after b->overdue was set (which is cleared). */
	void (*recovered)(struct backend *b);
};

struct backend {
	struct io io;
	const struct backend_ops *ops;
	void *owner;
	struct op_fifo fifo; /* written or about to be, not answered */
	unsigned n;	     /* ops in fifo */
	struct op *batch;    /* the op at the end of a get line that is not written yet, or NULL */
	unsigned batch_n;
	uint8_t end_due;     /* the last key of a line was answered, its END has not come */
	uint8_t overdue;     /* set by the owner: tell it when anything is read */
	uint8_t was_blocked; /* output is waiting for the server to take it */
	/*
	 * The last sign of life: bytes read, bytes taken that had to wait, or the moment from which
	 * an answer is due. Bytes that merely went into the kernel's buffer say nothing: a frozen
	 * memcached's took 4 MB without one answer.
	 */
	uint64_t alive_ms;
	struct op hello;
	struct timer later;	      /* what is in no hurry is written when it fires */
	unsigned n_later;	      /* ops that nobody has made it hurry for */
	struct stats_latency latency; /* of what was answered; listings are not in it */
	/* Writes in fifo by a hash of their key, each list in the order of fifo. */
	struct op_fifo writes[BACKEND_WRITES];
};

void backend_setup(struct backend *b, const struct backend_ops *ops, void *owner);

/* Begins to connect; ready() or lost() follows. Returns 0, or -1 with errno set. */
int backend_connect(struct backend *b, const struct addr *to, unsigned user_timeout_ms);

/* Asks for op's key, or list of n_keys keys (kind OP_GET or OP_GETS). */
void backend_get(struct backend *b, struct op *op, unsigned n_keys);

/*
 * Sends a line (with its \r\n) and, with body_len > 0 or blob not NULL, the body (with its \r\n)
 * that lies at body, in blob when that is not NULL.
 */
void backend_send(struct backend *b, struct op *op, const char *line, size_t line_len,
		  struct blob *blob, const char *body, size_t body_len);

/*
 * Sends a line that is in no hurry: in its order, but written with what is sent next, or some milliseconds from
 * now. So reads and writes carry more than one.
 */
void backend_send_later(struct backend *b, struct op *op, const char *line, size_t line_len);

/* Something is expected from the server. */
static inline int
backend_waits(const struct backend *b)
{
	return b->n > 0 || b->end_due;
}

/* Calls each for every write that is not answered. */
void backend_each_write(const struct backend *b, void (*each)(const struct op *op, void *arg),
			void *arg);

/* Is a write on the key among what is not answered? */
int backend_writes_key(const struct backend *b, const char *key, size_t len);

/* When the op at the head of the FIFO was sent (ms), or UINT64_MAX. */
uint64_t backend_oldest_ms(const struct backend *b);

/*
 * Calls slow() of every op that was sent hedge_ms ago or earlier and was not told yet. Returns when
 * the next one will be due (ms), or UINT64_MAX when none waits.
 */
uint64_t backend_slow(struct backend *b, uint64_t now_ms, uint64_t hedge_ms);

/* Closes; every op stays in the FIFO until backend_fail() ends it as OP_LOST. */
void backend_close(struct backend *b);
void backend_fail(struct backend *b);

/* Says OP_LATE to every op that was sent before sent_before_ms and has not heard it yet. */
void backend_late(struct backend *b, uint64_t sent_before_ms);

#endif
