/*
 * answer: judges the answer to one request while its bytes come in, in pieces of any size; keeps
 * no more of them than a line. What is wrong goes into the tally.
 */
#ifndef MEMVIP_LOAD_ANSWER_H
#define MEMVIP_LOAD_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "item.h"
#include "op.h"

#define ANSWER_LINE_MAX (ITEM_KEY_MAX + 64)

/* All zero: before the first byte of an answer. */
struct answer {
	size_t left;	   /* bytes of a value, with its newline, that are still to come */
	size_t size;	   /* the value's length as it was told */
	uint32_t next;	   /* keys of the get that were answered or passed over */
	uint32_t hits;	   /* values so far */
	uint32_t key;	   /* the number of the key whose value is coming */
	uint16_t line_len; /* of a line that has come in part */
	uint8_t bad;	   /* the value that is coming is counted as wrong already */
	char line[ANSWER_LINE_MAX];
};

enum answer_verdict {
	ANSWER_MORE,	/* all bytes were taken, it is not whole yet */
	ANSWER_DONE,	/* whole; *a is ready for the next one */
	ANSWER_NONSENSE /* no answer to anything: the connection is of no use any more */
};

/* Once, after items_setup(). */
void answer_setup(const struct items *items);

/* Takes bytes from *p, up to end, and moves *p on. Never reads past the answer's end. */
enum answer_verdict answer_take(struct answer *a, const struct op *op, const char **p,
				const char *end);

#endif
