/*
 * world: one state of the model: two servers, up to two proxies one after the other (or at once),
 * two clients, one key. And what of the design is left out when a mutation asks for it.
 */
#ifndef MEMVIP_WORLD_H
#define MEMVIP_WORLD_H

#include <stdint.h>

#define N_SERVERS  2
#define N_PROXIES  2
#define N_CLIENTS  2
#define PRIMARY	   0 /* the server that leads when both are current */
#define MAX_WRITES 5 /* by clients; write 0 is what the key holds at the start */
#define NO_ITEM	   7 /* a value: the server does not have the key. Others: the number of the write */
#define MAX_OPS	   5
#define NOBODY	   3 /* who waits for an op: a client, or nobody */

/* An op in a connection: kind, value, who waits for the answer, is it executed. */
enum op_kind {
	OP_NONE,
	OP_GET,
	OP_SET,
	OP_ADD,
	OP_DELETE,
	COPY_GET, /* the copier reads from the leader */
	COPY_ADD, /* ... and writes, unless the follower has the key */
	COPY_SET, /* ... or in place of what the follower has */
	COPY_DELETE,
	DIRTY_DELETE,
	OP_CAS
};
typedef uint16_t op_t;

#define MAX_UNIQUE 7

/* present, clean, set (2 bits), session (2 bits), epoch (5 bits); 0: the server has none. */
typedef uint16_t marker_t;

enum stall { GOES, FROZEN, CUT };

struct server {
	marker_t marker;
	uint8_t value;
	uint8_t unique; /* the cas unique: each store counts; only where clients do cas */
	uint8_t dead;
	uint8_t stall;
};

enum phase { ABSENT, STARTING, SERVING, ENDING, GONE };
/* STARTING uses the first three, then the others hold. */
enum use { UNSEEN, SEEN, UNREACHABLE, DOWN, FILLING, CURRENT };
enum fill { FILL_NONE, FILL_DIRTY, FILL_OVERLAY, FILL_FULL };
enum mark { MARK_IDLE, MARK_SENT, MARK_WRITTEN, MARK_FOREIGN };
enum flush { FLUSH_NONE, FLUSH_SENT, FLUSH_EXECUTED };

/* A server as a proxy sees it. */
struct view {
	op_t queue[MAX_OPS]; /* the connection: sent and not answered yet, first in first out */
	marker_t known;	     /* the marker there, as far as we know */
	marker_t want;	     /* being written */
	marker_t seen;	     /* STARTING: what the predecessor left */
	uint8_t use;
	uint8_t mark;
	uint8_t flush;
	uint8_t uses;	     /* how often it has come into use; only where clients do cas */
	uint8_t broken;	     /* the server died under the connection */
	uint8_t dirty;	     /* the key is on its dirty list */
	uint8_t dirty_valid; /* was current when it was lost: the dirty list says all it missed */
};

enum copy { COPY_IDLE, COPY_DELETES, COPY_READS, COPY_WRITES };

struct proxy {
	struct view view[N_SERVERS];
	uint8_t phase;
	uint8_t epoch;
	uint8_t fill; /* of the one server that is FILLING */
	uint8_t copy;
	uint8_t cancelled; /* a client wrote the key while the copy was in flight */
};

/* What is left at a server of a connection that its proxy has closed. */
struct remains {
	op_t queue[MAX_OPS];
	marker_t mark_known, mark_want;
	uint8_t flush;
};

/* The first two change nothing, the others are writes. */
enum client_op {
	CLIENT_IDLE,
	CLIENT_READS,
	CLIENT_GETS,
	CLIENT_SETS,
	CLIENT_ADDS,
	CLIENT_DELETES,
	CLIENT_CAS,
	CLIENT_FLUSHES
};

struct client {
	uint8_t op;
	uint8_t proxy;
	uint8_t id;	  /* of the write */
	uint8_t waits;	  /* set of servers that have not answered yet */
	uint8_t answered; /* set of servers that have */
	uint8_t has;	  /* set of servers that have, or were filled since */
	uint8_t refused;  /* of these, whose answer to an add was NOT_STORED */
	/* Write: the writes that had ended when it began. Read: what it must not return. */
	uint8_t before;
	/* gets has answered it: whose unique (see cas.c), and of which write's value. 0: no token. */
	uint8_t token, base;
	uint8_t doomed; /* cas: a write that was acknowledged before it began came after base */
	uint8_t
	    second; /* cas: the set of servers that get a plain set when the leader has stored */
	uint8_t running; /* flush_all: all was quiet, and it was sent */
};

struct world {
	struct server server[N_SERVERS];
	struct proxy proxy[N_PROXIES];
	struct remains remains[N_SERVERS][N_PROXIES];
	struct client client[N_CLIENTS];
	uint8_t writes;	   /* begun so far, without write 0 */
	uint8_t ended;	   /* set of writes that were answered, or whose client saw an error */
	uint8_t deletes;   /* set of writes that are deletes */
	uint8_t forbidden; /* set of writes that a write acknowledged by now came after */
	uint8_t server_fault, proxy_fault; /* has it happened? */
	uint8_t evicted;		   /* a server has evicted the key, once */
	uint8_t excused;		   /* set of writes whose loss is no wonder any more */
	uint8_t flushed;		   /* a client has asked for flush_all, once */
	uint8_t swapped;		   /* set of writes whose value a cas has replaced */
	uint8_t bad;			   /* enum wrong */
};

enum wrong { RIGHT, WRONG_STALE, WRONG_LOST, WRONG_DIFFER, WRONG_STUCK, WRONG_FULL, WRONG_CAS };

/* What is left out of the design, or done otherwise than it says. */
enum mutation {
	NO_FENCE = 1 << 0,
	IGNORE_OPEN = 1 << 1,
	NO_DIRTY_DELETE = 1 << 2,
	NO_CANCEL = 1 << 3,
	EARLY_ACK = 1 << 4,
	BLIND_MARKER = 1 << 5,
	FORGET_PORTS = 1 << 6,
	IGNORE_SET = 1 << 7,
	EARLY_REPAIR_ACK = 1 << 8,
	EARLY_RETURN = 1 << 9,
	REPAIR_DELETES = 1 << 10,
	DIRTY_UNANSWERED = 1 << 11,
	KEEP_EPOCH = 1 << 12,
	KEEP_COPY = 1 << 13,
	ANY_TOKEN = 1 << 14,
	CAS_STANDS_IN = 1 << 15,
	NO_HOLD = 1 << 16,
	NO_BARRIER = 1 << 17,
	FLUSH_FORGETS = 1 << 18,
	FLUSH_UNMARKED = 1 << 19,
	FLUSH_COPIES = 1 << 20
};

enum server_fault {
	FAULT_DIE = 1 << 0,
	FAULT_FREEZE = 1 << 1,
	FAULT_CUT = 1 << 2,
	FAULT_RESET = 1 << 3
};

enum proxy_fault {
	FAULT_PROXY_DIES = 1 << 0,
	FAULT_NODE_DIES = 1 << 1, /* the proxy and the primary server at one time */
	FAULT_TWO = 1 << 2,	  /* another proxy starts while the first serves */
	FAULT_ENDS = 1 << 3	  /* no fault at all: the proxy ends in order, another starts */
};

struct scenario {
	const char *name;
	unsigned server_faults; /* one of these may happen */
	unsigned proxy_faults;	/* and one of these */
	unsigned writes;	/* clients may begin so many; <= MAX_WRITES - 1 */
	unsigned stale;		/* the predecessor left A put out, with an old value */
	unsigned evicts;	/* a server may evict the key; clients add, too */
	unsigned cas;		/* clients gets, cas and set, and nothing else */
	unsigned flushes;	/* a client may flush_all, once; none deletes */
};

#endif
