/*
 * req_list: a part of a get line with many keys as one req, where one server leads all of them. It
 * is asked in one op, and its values are passed on as they come. As soon as anything is out of the
 * ordinary (the server is lost, or answers an error) it is taken apart into reqs of one key each,
 * which go on from the first key that nothing was said of; see req_read.
 */
#ifndef MEMVIP_REQ_LIST_H
#define MEMVIP_REQ_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "farm.h"
#include "req.h"

/* Once; used by reference. */
void req_list_init(struct farm *farm);

/* Are all keys led by the same server, on one connection, and none in the hands of a command? */
int req_list_can(void);

/* Asks for the n keys in r->body (r->body_len bytes, joined by single spaces, in r->blob). */
void req_list_start(struct req *r, unsigned n);

#endif
