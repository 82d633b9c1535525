/*
 * reload: SIGHUP: the configuration is read again, by the same command line with the same file on
 * top. It is taken as a whole or refused as a whole, with one line in the log; no client connection
 * is closed for it.
 *
 * Other lists of servers are an orderly end and a new start within one process, so that one set of
 * rules tells who is current (REPLICATION.md, I5 and I6):
 *
 *   IDLE ─► LOOKUP ─► QUIET ─────────► CLOSING ────────► STARTING ─► IDLE
 *           (names)   the gate is      the markers       another farm, in the
 *                     closed, what is  become clean      place of the old one
 *                     under way ends
 *
 * Clients wait from QUIET on until the new farm has elected its leaders.
 */
#ifndef MEMVIP_RELOAD_H
#define MEMVIP_RELOAD_H

#include "conf.h"
#include "farm.h"
#include "gate.h"

/*
 * Once, before the start leaves the working folder. All are used by reference; conf and the farm are
 * changed.
 */
void reload_init(struct conf *conf, struct farm *farm, struct gate *gate, int argc, char **argv);

/* Read it again, now or as soon as the last change is done. */
void reload_ask(void);

/* At the end of each turn. Returns 1 when the turn is not over. */
int reload_turn(void);

/*
 * struct epoch's closed and give_up, before anybody else hears of them. Returns 1 when they are
 * about a change of the lists, and taken care of.
 */
int reload_closed(void);
int reload_refused(const char *why);

/* The proxy ends: a change that is not made yet is not made. */
void reload_stop(void);
/* The end of it. */
void reload_free(void);

#endif
