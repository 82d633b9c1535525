/*
 * req: one client command on one key, and the queue in which it waits for its turn to answer.
 *
 *   client ──► req_queue: [req]─[req]─[req]      answers leave in this order
 *                           │ op[0] leader ──► backend's FIFO
 *                           │ op[1] follower ─► backend's FIFO
 *
 * Which servers it goes to and what their answers mean is for the rooms above: submit (takes it
 * from the client and starts it), req_read, req_write.
 *
 * A `get` of many keys is that many reqs: each gives its VALUE or nothing, the last one END. So
 * nothing is special about many keys, and one that fails ends the line with its error. Where it can
 * be, many keys are one req all the same: see req_list.
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
#include "buf.h"
#include "hold.h"
#include "op.h"
#include "proto_meta.h"
#include "proto_req.h"
#include "server.h"

/* An answer line of a server that is kept until both have answered. */
#define REQ_LINE_MAX 120

/* What may be asked again is asked again this often when servers are lost under it. */
#define REQ_TRIES_MAX 3

#define REQ_RESERVED	  "CLIENT_ERROR the key is reserved for memvip\r\n"
#define REQ_NO_SERVER	  "SERVER_ERROR no server available\r\n"
#define REQ_SERVER_LOST	  "SERVER_ERROR the server was lost before it answered\r\n"
#define REQ_SERVER_SILENT "SERVER_ERROR the server does not answer\r\n"

enum req_side { REQ_LEADER, REQ_FOLLOWER };

/* ma with N: who has been asked to make the number that the leader has not. */
enum req_makes { MAKES_NOT, MAKES_BOTH, MAKES_LEADER };

/* What one side has said to a write. */
struct req_answer {
	uint8_t asked; /* an op went there */
	uint8_t done;
	uint8_t lost;	 /* done, but nobody knows */
	uint8_t filling; /* it was being filled when asked: its conditions mean nothing alone */
	uint8_t type;	 /* enum rsp_type */
	uint8_t len;
	uint8_t won; /* meta: W, the client is to renew the item */
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
	uint8_t makes;	  /* ma N: enum req_makes */
	uint16_t uses[2]; /* of the servers, when they were asked */
	uint16_t weight;  /* what it counts for in queue->n: its keys */
	uint16_t n_keys;  /* a list's; of them: values that the leader, the follower has given */
	uint16_t n_hits, n_hedged;
	uint32_t hedge_at;
	uint8_t key_len;
	uint32_t flags;
	int32_t exptime;
	uint32_t body_len; /* with the \r\n */
	uint64_t number;
	struct blob *blob;	 /* what body lies in, or NULL: it lies in the client's window */
	const char *body;	 /* of a list: the keys */
	struct meta_flags *meta; /* a meta command: see req_meta.h; else NULL */
	struct buf held;	 /* the reply while others are before it */
	struct buf other;	 /* a list, a meta command: the follower's reply */
	struct hold hold;
	struct hold_waiter waiter;
	struct req_answer answer[2];
	char key[PROTO_KEY_MAX];
};

/* The commands of one client, in the order in which it sent them. */
struct req_queue {
	TAILQ_HEAD(, req) reqs;
	unsigned n;	    /* a list counts for its keys */
	size_t bytes;	    /* of the bodies of commands that are not answered */
	struct buf *out;    /* the client's output */
	uint8_t get_failed; /* an error has ended the line of keys that is being answered */
	/* Something was added to out, or the queue became shorter. Must not submit: later. */
	void (*progress)(struct req_queue *q);
};

/* ---- queues ---- */

void req_queue_setup(struct req_queue *q, struct buf *out, void (*progress)(struct req_queue *q));

/* The client goes: nothing is answered any more. */
void req_queue_abandon(struct req_queue *q);

/* Bytes that the queue holds back: bodies, and replies that wait for others before them. */
size_t req_queue_bytes(const struct req_queue *q);

/* Answers with text (with its \r\n's; copied), in turn. */
void req_submit_text(struct req_queue *q, const char *text, size_t len);

/* The same with the bytes in reply, which is empty then. */
void req_submit_buf(struct req_queue *q, struct buf *reply);

/* A place in the queue that req_complete() answers later. */
struct req *req_submit_later(struct req_queue *q);
/* text: constant, with its \r\n; NULL: nothing is said (noreply). */
void req_complete(struct req *r, const char *text);

/* Commands that were started and not answered, of all clients. */
unsigned req_unanswered(void);

/* What they take, in bytes, without bodies and replies; flags of meta commands until their end. */
size_t req_bytes(void);

/* ---- for the rooms that carry a command out ---- */

/* At the end of the queue; never fails. */
struct req *req_new(struct req_queue *q, enum req_cmd cmd);
/* A retrieval of the same client behind r, which is in its queue. */
struct req *req_new_behind(struct req *r, enum req_cmd cmd);
void req_set_key(struct req *r, const char *key, size_t len);
/* Copies the flags; they go with r. */
void req_set_meta(struct req *r, const struct meta_flags *flags);

/* Frees r when nothing refers to it any more: no queue, no FIFO. */
void req_check(struct req *r);

/* Changes an item, or may. */
int req_is_write(const struct req *r);

static inline int
req_is_retrieval(const struct req *r)
{
	return r->cmd <= REQ_GATS;
}

/* The one place where a command ends for its client: its reply is complete in r->held. */
void req_answer_now(struct req *r);

/* The same with one line, copied. */
void req_answer_line(struct req *r, const char *line, size_t len);
#define REQ_ANSWER_TEXT(r, text) req_answer_line(r, text, sizeof(text) - 1)

/*
 * Has the same client sent a write on the key behind this one? The other copy may have executed it
 * already, and would answer with what this one came before.
 */
int req_overtaken(const struct req *r);
int req_overtaken_on(const struct req *r, const char *key, size_t len);

/* Prepares the op for one side; it counts as in flight. */
struct op *req_op(struct req *r, enum req_side side, enum op_kind kind, int write,
		  void (*done)(struct op *, enum op_result, const struct op_reply *));

static inline struct req *
req_of(struct op *op, enum req_side side)
{
	return (struct req *)((char *)(op - side) - offsetof(struct req, op));
}

static inline struct backend *
req_conn(struct req *r, enum req_side side)
{
	return server_conn(r->server[side], r->key, r->key_len);
}

/* The body will be needed after the call that brought it: keep it. */
void req_keep_body(struct req *r);

#endif
