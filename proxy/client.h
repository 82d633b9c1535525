/*
 * client: a session: cuts what comes into commands, starts them, sends the answers back in order.
 *
 *   io ──window──► proto_req ──► req_submit…() ──► req_queue ──► io's output
 *
 * It stops reading where a limit is reached and goes on when there is room again.
 */
#ifndef MEMVIP_CLIENT_H
#define MEMVIP_CLIENT_H

#include <stdint.h>

#include "conf.h"
#include "farm.h"
#include "gate.h"

/* Commands of one client that are on the way at the same time. */
#define CLIENT_PIPELINE_MAX 1024
/* Answers that one client has not read: from here on nothing more of it is started. */
#define CLIENT_OUT_HIGH (1u << 20)

/* Once; all are used by reference. */
void client_init(const struct conf *conf, struct farm *farm, struct gate *gate);

/* Takes over an accepted descriptor. */
void client_accept(int fd);

/* The gate has opened: go on with what waits. (struct gate's opened) */
void client_gate_opened(void *arg);

/* No client is read from any more; what was started is answered. */
void client_drain(void);
/* Does any client still have an answer to get? */
int client_owed(void);
/* Closes them all. */
void client_close_all(void);

#endif
