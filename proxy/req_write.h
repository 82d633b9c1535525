/*
 * req_write: whatever changes an item: both servers are asked in the same call, and what their
 * answers mean together decides: acknowledge, or repair first. See REPLICATION.md, I1.
 */
#ifndef MEMVIP_REQ_WRITE_H
#define MEMVIP_REQ_WRITE_H

#include "conf.h"
#include "farm.h"
#include "req.h"

/* Once; both are used by reference. */
void req_write_init(struct farm *farm, const struct conf *conf);
/* conf has changed: what is not answered yet goes by the new one. */
void req_write_changed(const struct conf *conf);

void req_write_start(struct req *r);

#endif
