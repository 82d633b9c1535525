/*
 * fill: makes a server that is in use, but lacks items, as full as the others: what is in its dirty
 * list, and (server.incomplete) every key that the leaders list. A SUSPECT one is compared both
 * ways: what it should not hold is deleted. A few copies at a time; clients come first.
 */
#ifndef MEMVIP_FILL_H
#define MEMVIP_FILL_H

#include "conf.h"
#include "farm.h"

/* Copies on the way to one server at the same time. */
#define FILL_WINDOW 64
/* Keys that were listed and wait for their copy; the listing pauses beyond. */
#define FILL_QUEUE 4096

/* Once; the farm is used by reference. */
void fill_init(struct farm *farm, const struct conf *conf);

/* The farm is stopped: frees what fill_init() has allocated. */
void fill_stop(void);

/* The rate in conf has changed. */
void fill_changed(void);

/* struct epoch's fill: begin, or stop, filling s. */
void fill_server(struct server *s, int begin);

/* A key of s is not as the leader has it: s is being filled, and this key too. */
void fill_add(struct server *s, const char *key, size_t len);

#endif
