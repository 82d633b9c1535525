/*
 * submit: takes a client's commands on keys and starts each one, in its turn on the key: behind
 * whoever holds it.
 */
#ifndef MEMVIP_SUBMIT_H
#define MEMVIP_SUBMIT_H

#include <stddef.h>
#include <stdint.h>

#include "blob.h"
#include "conf.h"
#include "farm.h"
#include "proto_meta.h"
#include "proto_req.h"
#include "req.h"

/* Once. Both are used by reference. */
void submit_init(struct farm *farm, const struct conf *conf);

/*
 * Starts a storage, delete, arithmetic or touch command. base: what p's offsets count from. body:
 * the value with its \r\n, in blob, or (blob NULL) in memory that stays during this call only.
 */
void submit_command(struct req_queue *q, const struct proto_req *p, const char *base,
		    struct blob *blob, const char *body);

/* The same for a meta command without error. */
void submit_meta(struct req_queue *q, const struct proto_meta *m, struct blob *blob,
		 const char *body);

/* Starts the retrieval of one key. last: END comes after it. */
void submit_get(struct req_queue *q, enum req_cmd cmd, int32_t exptime, const char *key, size_t len,
		int last);

/*
 * Starts some keys of the get line p, one at least and room at most, from offset at of the line on;
 * p->n_keys are left. Returns where the next one begins.
 */
uint32_t submit_keys(struct req_queue *q, struct proto_req *p, const char *line, uint32_t at,
		     unsigned room);

/* Deletes a key at its servers and says nothing; for a `set` that was refused for its size. */
void submit_silent_delete(struct req_queue *q, const char *key, size_t len);

#endif
