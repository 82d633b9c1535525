/*
 * req: one client command on one key: which servers it goes to, what their answers mean together,
 * and when the client may have its answer.
 *
 *   client ──► req_queue: [req]─[req]─[req]      answers leave in this order
 *                           │ op[0] leader ──► backend's FIFO
 *                           │ op[1] follower ─► backend's FIFO
 *
 * A `get` of many keys is that many reqs: each gives its VALUE or nothing, the last one END. So
 * nothing is special about many keys, and one that fails ends the line with its error.
 *
 * A req lives until it was answered and none of its ops is in a FIFO any more; a client that goes
 * away abandons its queue, its commands are carried out all the same.
 */
#ifndef MEMVIP_REQ_H
#define MEMVIP_REQ_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "blob.h"
#include "conf.h"
#include "buf.h"
#include "farm.h"
#include "hold.h"
#include "op.h"
#include "proto_req.h"

/* An answer line of a server that is kept until both have answered. */
#define REQ_LINE_MAX 120

enum req_side { REQ_LEADER, REQ_FOLLOWER };

/* What one side has said to a write. */
struct req_answer {
	uint8_t asked; /* an op went there */
	uint8_t done;
	uint8_t lost;	 /* done, but nobody knows */
	uint8_t filling; /* it was being filled when asked: its conditions mean nothing alone */
	uint8_t type;	 /* enum rsp_type */
	uint8_t len;
	char line[REQ_LINE_MAX];
};

struct req_queue;

struct req {
	struct op op[2]; /* by enum req_side */
	TAILQ_ENTRY(req) link;
	struct req_queue *queue; /* NULL: the client has gone */
	struct server *server[2];
	uint8_t cmd;	   /* enum req_cmd */
	uint8_t in_flight; /* ops in FIFOs, and one while it is being started */
	uint8_t answered;  /* the reply is in `held` or on its way */
	uint8_t last;	   /* retrieval: END comes after it */
	uint8_t noreply;
	uint8_t failed; /* retrieval: the reply is an error line */
	uint8_t tries;	/* reads: how often a server was lost under it */
	uint8_t holding;
	uint8_t early;	  /* acknowledged by the leader alone (--ack leader) */
	uint8_t repaired; /* the copies had parted; seen to */
	uint16_t uses[2]; /* of the servers, when they were asked */
	uint8_t key_len;
	uint32_t flags;
	int32_t exptime;
	uint32_t body_len; /* with the \r\n */
	uint64_t number;
	struct blob *blob; /* what body lies in, or NULL: it lies in the client's window */
	const char *body;
	struct buf held; /* the reply while others are before it */
	struct hold hold;
	struct hold_waiter waiter;
	struct req_answer answer[2];
	char key[PROTO_KEY_MAX];
};

/* The commands of one client, in the order in which it sent them. */
struct req_queue {
	TAILQ_HEAD(, req) reqs;
	unsigned n;
	size_t bytes;	    /* of the bodies of commands that are not answered */
	struct buf *out;    /* the client's output */
	uint8_t get_failed; /* an error has ended the line of keys that is being answered */
	/* Something was added to out, or the queue became shorter. Must not submit: later. */
	void (*progress)(struct req_queue *q);
};

/* Once. Both are used by reference. */
void req_init(struct farm *farm, const struct conf *conf);

void req_queue_setup(struct req_queue *q, struct buf *out, void (*progress)(struct req_queue *q));

/* The client goes: nothing is answered any more. */
void req_queue_abandon(struct req_queue *q);

/*
 * Starts a storage, delete, arithmetic or touch command. base: what r's offsets count from. body:
 * the value with its \r\n, in blob, or (blob NULL) in memory that stays during this call only.
 */
void req_submit(struct req_queue *q, const struct proto_req *r, const char *base, struct blob *blob,
		const char *body);

/* Starts the retrieval of one key. last: END comes after it. */
void req_submit_get(struct req_queue *q, enum req_cmd cmd, int32_t exptime, const char *key,
		    size_t len, int last);

/* Answers with text (with its \r\n's; copied), in turn. */
void req_submit_text(struct req_queue *q, const char *text, size_t len);

/* The same with the bytes in reply, which is empty then. */
void req_submit_buf(struct req_queue *q, struct buf *reply);

/* A place in the queue that req_complete() answers later. */
struct req *req_submit_later(struct req_queue *q);
/* text: constant, with its \r\n; NULL: nothing is said (noreply). */
void req_complete(struct req *r, const char *text);

/* Deletes a key at its servers and says nothing; for a `set` that was refused for its size. */
void req_submit_silent_delete(struct req_queue *q, const char *key, size_t len);

/* Bytes that the queue holds back: bodies, and replies that wait for others before them. */
size_t req_queue_bytes(const struct req_queue *q);

/*
 * How many retrievals one client may have on the way so that their answers, if they are as large as
 * those seen of late, come to about bytes.
 */
unsigned req_window(size_t bytes);

/* Commands that were started and not answered, of all clients. */
unsigned req_unanswered(void);

#endif
