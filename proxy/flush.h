/*
 * flush: flush_all, the barrier. Nothing is in flight on any connection before it, and nothing
 * follows until every server in use has answered. A delayed one is a timer of ours (protocol.txt,
 * "flush_all"): each flush_all, delayed or not, replaces the one that was waiting.
 */
#ifndef MEMVIP_FLUSH_H
#define MEMVIP_FLUSH_H

#include <stdint.h>

#include "farm.h"
#include "gate.h"
#include "req.h"

/* Once; both are used by reference. The gate's GATE_FLUSHING is ours. */
void flush_init(struct farm *farm, struct gate *gate);

/* A delayed one that waits is forgotten. */
void flush_stop(void);

/*
 * A client's flush_all. delay: as the client wrote it, in seconds (over 30 days: a unix time).
 * Takes its place in q and answers there.
 */
void flush_request(struct req_queue *q, int32_t delay, int noreply);

/* At the end of each turn of the loop: does what can be done now. Returns 1 when it did anything. */
int flush_turn(void);

/* Is none waiting or under way? (One that was delayed does not wait yet.) */
int flush_is_idle(void);

#endif
