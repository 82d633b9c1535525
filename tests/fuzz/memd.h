/*
 * memd: a memcached within this process, as far as the proxy can tell, that dies, freezes, is cut
 * off, runs out of memory or lies when the fuzzer says so. It takes no byte that is not part of a
 * well-formed command.
 */
#ifndef MEMVIP_TEST_FUZZ_MEMD_H
#define MEMVIP_TEST_FUZZ_MEMD_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

#define MEMD_MAX       6
#define MEMD_PORT_FROM 1001
#define MEMD_ITEMS_MAX 256
#define MEMD_CONNS_MAX 64

/* What comes of a connect(2). */
enum memd_answer { MEMD_TAKES, MEMD_REFUSES, MEMD_REFUSES_LATE, MEMD_SILENT };

struct memd_item {
	char key[250];
	uint8_t key_len; /* 0: there is none */
	uint8_t win;	 /* somebody was told to renew it (W): the next reader hears of that (Z) */
	uint8_t stale;	 /* marked so by I: its first reader is to renew it (X) */
	uint32_t flags;
	uint64_t expires_s; /* of the wall clock; 0: never */
	uint64_t cas;
	struct bytes value;
};

struct memd_conn {
	int fd; /* -1: not in use */
	uint16_t port;
	uint8_t orphan;	   /* its other end has gone, and it will never hear of it by itself */
	size_t before_cut; /* bytes of `in` that came before the server was cut off */
	struct bytes in, out;
};

struct memd {
	uint8_t there; /* part of this run */
	uint8_t dead, frozen, cut;
	uint8_t touched;     /* something was done to it that a healthy one would not meet */
	uint8_t lied;	     /* it has said what no memcached would */
	uint8_t lossy;	     /* it may lack what it was told to keep: evicted, or out of memory */
	uint8_t backwards;   /* looks at its connections in the other order */
	uint8_t fail_stores; /* the next ones are answered with an error */
	uint8_t connect;     /* enum memd_answer */
	uint64_t still_ms;   /* since when it has been frozen or cut off */
	uint64_t late_ms;    /* how long it was, in all: what it did then it did so much later */
	uint32_t piece;	     /* bytes that leave in one turn; 0: all */
	uint64_t cas, flushes;
	unsigned n_items; /* places in use, or free again */
	struct memd_item items[MEMD_ITEMS_MAX];
	struct memd_conn conns[MEMD_CONNS_MAX];
};

extern struct memd memds[MEMD_MAX];

/* All gone. Frees everything. */
void memd_reset(void);

/* net's: a connection from the proxy. peer is the server's end, which is taken with MEMD_TAKES. */
enum memd_answer memd_connect(uint16_t to_port, int peer, uint16_t from_port);

/* Reads, executes, answers, of every server. Returns 1 when any did anything. */
int memd_turn(void);

/* As kill -9 and the start of a new one: nothing is left. keep: a warm restart. */
void memd_kill(struct memd *m);
void memd_start(struct memd *m, int keep);

/* Every connection ends. */
void memd_hang_up(struct memd *m);

/* As SIGSTOP and SIGCONT. */
void memd_freeze(struct memd *m);
void memd_thaw(struct memd *m);

/* A partition: nothing comes through, the end of a connection neither; and its healing. */
void memd_cut(struct memd *m);
void memd_heal(struct memd *m);

/* n bytes are said on its i-th connection, whatever they mean. */
void memd_say(struct memd *m, unsigned i, const void *p, size_t n);

void memd_evict(struct memd *m, unsigned i);
void memd_flush(struct memd *m);

/* The item, or NULL: none, or expired. */
struct memd_item *memd_find(struct memd *m, const char *key, size_t len);
/* Stores it as a predecessor may have. */
void memd_store(struct memd *m, const char *key, uint32_t exptime, const void *p, size_t n);

#endif
