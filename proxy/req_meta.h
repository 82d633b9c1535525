/*
 * req_meta: what of a meta command each side is sent, and what the client is told of the answers
 * (protocol.txt, "Meta Commands"). It asks nobody: that is for req_read and req_write.
 *
 *   r->meta      the flags, as they were parsed; go with r
 *   r->held      the leader's answer as the client is to see it: with a cas token of ours, without
 *                what q hides
 *   r->other     the follower's in the same form, should it have to stand in
 *   r->answer[]  its type; of ma the number; whether it has won (W) the right to renew an item
 *
 * q never goes upstream: each command has an answer, which is what pairs replies and tells whether
 * the copies have parted. The follower gets a line of its own, see req_meta_line(); what only one
 * server can have (a stale mark, a right to renew) leaves it with nothing.
 *
 * ma with N goes upstream without it at first: whether a number was counted or made anew the answer
 * would not say, but flags and time to live hang on it, and what q hides. Where the leader has none
 * the command goes again with N; the key is held meanwhile.
 */
#ifndef MEMVIP_REQ_META_H
#define MEMVIP_REQ_META_H

#include <stddef.h>

#include "op.h"
#include "req.h"

/* A line upstream: the name, a length, the key, all flags. */
#define REQ_META_LINE_MAX (PROTO_KEY_MAX + META_TEXT_MAX + 64)

/* What the follower is to be sent once the leader has answered. */
enum req_meta_follow {
	META_FOLLOW_NOTHING, /* the leader has changed nothing */
	META_FOLLOW_SAME,    /* the command, without the condition that the leader has judged */
	META_FOLLOW_DELETE,  /* what the leader has now cannot be said to another server */
	META_FOLLOW_COPY     /* nobody here knows what it has: the item as it is there */
};

/* Has it C, which is a condition? (ma takes C0 for none.) */
int req_meta_has_condition(const struct req *r);

/* Does the leader decide alone, before the follower hears of it? (C, I, N or R of mg, unknown flags) */
int req_meta_leads(const struct req *r);

/* ma with N: the key is held until it is known whether the number is there. */
int req_meta_may_make(const struct req *r);

/* Has the leader no number, and is to make it? The command is to be sent again then, see r->makes. */
int req_meta_wants_new(const struct req *r);

/* After req_meta_leads(): what follows from r->answer[REQ_LEADER]? */
enum req_meta_follow req_meta_follow(const struct req *r);

/* Writes the line for one side, its server known, to line (REQ_META_LINE_MAX bytes). Returns its length. */
size_t req_meta_line(const struct req *r, enum req_side side, char *line);

/* Notes the answer of a side, and puts what the client is to see of it to r->held or r->other. */
void req_meta_note(struct req *r, enum req_side side, const struct op_reply *reply);

/* An answer of this type is the client's: counted. */
void req_meta_count(const struct req *r, enum rsp_type t);

/* The follower's answer takes the leader's place. */
void req_meta_stand_in(struct req *r);

/* Do the two servers hold the same after these answers? */
int req_meta_agrees(const struct req *r);

/* Answers for the servers: "EN", "EX", ..., with what O and k want to see. */
void req_meta_say(struct req *r, const char *code);

/* Is the letter among the words of the answer's line: W, X or Z? */
int req_meta_says(const struct op_reply *reply, char word);

/* A value or HD: there is such an item, or the command was carried out. */
static inline int
req_meta_is_hit(enum rsp_type t)
{
	return t == RSP_VA || t == RSP_HD;
}

#endif
