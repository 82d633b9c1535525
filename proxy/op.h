/*
 * op: one operation on one key at one server: which reply it expects and whom to tell. It lives in
 * whatever asked (a req, a server's own errands) and must stay until done() was called for the
 * last time; a connection's FIFO only links it.
 */
#ifndef MEMVIP_OP_H
#define MEMVIP_OP_H

#include <stdint.h>
#include <sys/queue.h>

#include "blob.h"
#include "proto_rsp.h"

enum op_kind {
	OP_GET,	    /* VALUE or END; neighbours are merged into one line */
	OP_GETS,    /* the same with a cas unique */
	OP_GAT,	    /* VALUE or END, never merged: one line of its own */
	OP_STORAGE, /* one line from here on: what set, add ... and cas are answered */
	OP_DELETE,  /* also of a key that is no text: see wire_delete() */
	OP_ARITH,   /* incr, decr */
	OP_TOUCH,
	OP_FLUSH,
	OP_VERSION,
	OP_META, /* one meta reply, with its value if it has one */
	OP_STATS /* STAT lines, then END */
};

enum op_result {
	OP_HIT,	   /* a VALUE block; more lines do not follow for this op */
	OP_MISS,   /* END without a VALUE */
	OP_ITEM,   /* one STAT line; more follows, OP_ANSWER (END) at last. Of a list of keys:
		    * VALUE blocks; more may follow, OP_MISS (the others have none) at last */
	OP_ANSWER, /* any other line, errors included */
	OP_LATE,   /* overdue at the last server: answer the client; a final result still follows */
	OP_LOST	   /* the server is out; nobody knows whether it was executed */
};

/* A key in a reply: its offset from p, and its length. */
struct op_item {
	uint32_t key, key_len;
};
#define OP_ITEMS_MAX 64

/* The bytes of a reply, valid during done() only (take a reference on blob to keep them). */
struct op_reply {
	const char *p;
	const struct proto_rsp *rsp;
	struct blob *blob; /* what p lies in, or NULL */
	/* OP_ITEM of a list: of so many values (up to OP_ITEMS_MAX), which lie one behind the other. rsp is
	 * the first one's, but total is that of all. (Several for OP_GET only.) */
	const struct op_item *items;
	unsigned n_items;
};

struct op {
	STAILQ_ENTRY(op) link;
	STAILQ_ENTRY(op) write_link; /* those of a connection that write keys of one hash */
	/*
	 * reply is NULL with OP_MISS, OP_LATE and OP_LOST. The op is the asker's again, unless the
	 * result is OP_LATE or OP_ITEM.
	 */
	void (*done)(struct op *op, enum op_result result, const struct op_reply *reply);
	/* It has waited for --hedge ms; NULL: nobody cares. Called once. */
	void (*slow)(struct op *op);
	void *asker;	  /* the asker's own */
	const char *key;  /* the asker's; NULL: none (version, flush_all) */
	uint64_t sent_us; /* timer_now_us */
	/* OP_GET, OP_GETS of several: key is a list, joined by single spaces; list_at: the first one
	 * that nothing was said of yet. list_len 0: one key. */
	uint32_t list_len, list_at;
	uint8_t key_len;
	uint8_t kind;	   /* enum op_kind */
	uint8_t batch_end; /* the last one of a line; END comes after it */
	uint8_t alone;	   /* not to be merged: its merged line has failed */
	uint8_t write;	   /* changes something: a server that loses it has missed a write */
	uint8_t late;	   /* OP_LATE was said */
	uint8_t hedged;	   /* slow() was called */
	uint8_t unhurried; /* it was not sent at once: its latency says nothing */
};

STAILQ_HEAD(op_fifo, op);

#endif
