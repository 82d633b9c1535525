/*
 * budget: everything that is buffered, against --max-memory.
 *
 *   ├──── commands and answers ────┤── values that come ──┤ one more │ reserve │
 *   0            1/2              3/4                    7/8         1
 *
 * Values that come take memory as they come, a quarter of it together; beyond that one of them does
 * at a time, so that one after the other becomes whole. When commands and answers take a half, no new
 * command that brings values is started until they take less than three eighths: what is under way
 * comes to its end, and a memcached that stands still is put out of use meanwhile. The rest is for
 * the markers and the copier.
 *
 * When nothing has become better for a while, or all is used up, somebody gives way: the client that
 * makes us keep most answers that it does not read; those who have begun to send a value, do not go
 * on, and keep others waiting. If there is nobody a server is to blame (the last one, that is not put
 * out): then commands are started again, but no more values are taken in.
 */
#ifndef MEMVIP_BUDGET_H
#define MEMVIP_BUDGET_H

#include <stddef.h>
#include <stdint.h>

/* A value may be as large as this part of the limit, so that one more always fits. */
#define BUDGET_VALUES 8
/* The beginning of a value, which it always gets. */
#define BUDGET_FIRST 16384u

/* limit: bytes. patience_ms: somebody waits for so long, and somebody gives way. */
void budget_init(uint64_t limit, uint64_t patience_ms);

/* The same while it runs: what is buffered stays. */
void budget_change(uint64_t limit, uint64_t patience_ms);

/*
 * At the end of each turn. other: bytes that are in no blob. Returns 1 when who has had to wait may go
 * on.
 */
int budget_look(size_t other, uint64_t now_ms);

/* What is buffered, in bytes; what is in no blob as of the last look. */
uint64_t budget_used(void);

/* After budget_look(): who has to give way? */
enum budget_blame {
	BUDGET_NOBODY,
	BUDGET_READER, /* who does not read: budget_blames_nobody() when there is none */
	BUDGET_SENDERS /* who does not go on sending: all of them; budget_waits_on() */
};
enum budget_blame budget_blame(uint64_t now_ms);

/* Would it be easy again with so many bytes of answers less? At the very limit anything helps. */
int budget_would_do(size_t bytes);

/* There was no such reader. Returns as budget_look() does. */
int budget_blames_nobody(uint64_t now_ms);
/* The senders have been seen to. */
void budget_waits_on(uint64_t now_ms);

/*
 * Copies of values of so many bytes that may be on the way from server to server at a time: the reserve
 * is theirs. One is always.
 */
unsigned budget_copies(size_t bytes);

/* Is a new command that brings values to wait? */
int budget_is_tight(void);

/*
 * May n bytes be taken, in place of the have that it has, for whose value, which will have total
 * bytes and is not all there? LATER: when budget_look() says so. NEVER: it cannot fit, or nobody
 * knows when it will.
 */
enum budget_room { BUDGET_NOW, BUDGET_LATER, BUDGET_NEVER };
enum budget_room budget_take(const void *whose, size_t have, size_t n, size_t total);

/* The value that has these bytes is whole, or given up. */
void budget_end(const void *whose, size_t have);

#endif
