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

/*
 * From so many bytes on nothing more of a client is started: answers that it has not read, values
 * that it has sent and that are not stored yet, answers that are expected (req_window()).
 */
#define CLIENT_HIGH (1u << 20)

/* Once; all are used by reference. */
void client_init(const struct conf *conf, struct farm *farm, struct gate *gate);

/* The limits in conf have changed. */
void client_changed(void);

/* Takes over an accepted descriptor. */
void client_accept(int fd);

/* The gate has opened: go on with what waits. (struct gate's opened) */
void client_gate_opened(void *arg);

/*
 * At the end of each turn: looks after --max-memory, see budget.h. Returns 1 when somebody goes on who
 * had to wait for room: the turn is not over then.
 */
int client_turn(void);

/* No client is read from any more; what was started is answered. */
void client_drain(void);
/* Does any client still have an answer to get? */
int client_owed(void);
/* Closes them all. */
void client_close_all(void);

#endif
