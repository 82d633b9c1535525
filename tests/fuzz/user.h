/*
 * user: a client of the proxy within this process. It knows what it has asked, and that each
 * command has one answer, in order, of a kind that fits; on keys that nobody else writes it knows
 * what may be read. It may also be slow, rude, or gone.
 */
#ifndef MEMVIP_TEST_FUZZ_USER_H
#define MEMVIP_TEST_FUZZ_USER_H

#include <stdint.h>

#include "bytes.h"

#define USERS_MAX 6
/* Commands of one user that wait for their answers. */
#define WANTS_MAX 2048

/* What the script consists of: bytes that mean what whoever takes them makes of them. */
struct script {
	const uint8_t *p;
	size_t n;
};

/* The next byte, 0 at the end. */
static inline unsigned
script_byte(struct script *s)
{
	if (s->n == 0)
		return 0;
	s->n--;
	return *s->p++;
}

/* What may be demanded of the answers in this run as it is so far; set by whoever knows. */
struct user_demands {
	uint8_t true_values; /* a value is one that was written, and is not out of date */
	uint8_t no_loss;     /* what was acknowledged is there */
	uint8_t no_mixup; /* no server has said what was not asked: each answer is its command's */
	uint8_t no_error; /* nobody is told that a server is not there */
	uint8_t no_break; /* a user who behaves keeps its connection */
	uint32_t max_value;
};
extern struct user_demands user_demands;

void user_reset(void);

/* The i-th one: */
void user_connect(unsigned i); /* unless it is; nothing is wrong with it then */
void user_close(unsigned i);   /* without a word */
void user_half_close(unsigned i);
void user_read_on(unsigned i, int on);	 /* does it read? */
void user_piece(unsigned i, uint32_t n); /* bytes that it sends in one turn; 0: all */
void user_command(unsigned i, struct script *s);
/* n bytes, whatever they mean; nothing is known of its answers from then on. */
void user_raw(unsigned i, const void *p, size_t n);

/* Sends what is to be sent; reads and judges what has come. Return 1 when anything moved. */
int user_send_all(void);
int user_read_all(void);

/* From now on all behave: nobody is slow. */
void user_behave(void);

/* Commands of users that are still connected which have no answer. */
unsigned user_unanswered(void);

#endif
