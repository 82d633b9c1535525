/*
 * req_read: get and gets, mg that changes nothing, me: asked of the leader alone; of the follower too when the leader takes its
 * time, and instead when the leader is lost.
 */
#ifndef MEMVIP_REQ_READ_H
#define MEMVIP_REQ_READ_H

#include <stddef.h>

#include "farm.h"
#include "op.h"
#include "req.h"
#include "server.h"

/* Once; used by reference. */
void req_read_init(struct farm *farm);

/* Asks; again after the server that was asked is lost. */
void req_read_start(struct req *r);

/* The VALUE blocks of n hits (of several only if r is a get) go to where the client's answer is collected. */
void req_read_hit(struct req *r, const struct op_reply *reply, unsigned n,
		  const struct server *from);

/*
 * The leader has answered a meta command: the follower is told of a hit, unless it was not to count, or
 * is of what only the leader can have.
 */
void req_read_mirror(const struct req *r, const struct op_reply *reply);

/* It is a miss: answers so. */
void req_read_nothing(struct req *r);

/*
 * How many retrievals one client may have on the way so that their answers, if they are as large as
 * those seen of late, come to about bytes.
 */
unsigned req_window(size_t bytes);

#endif
