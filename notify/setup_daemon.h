/*
 * setup_daemon: keepalived itself: is it there, which version, does it run, what does it think of
 * its configuration.
 */
#ifndef MEMVIP_SETUP_DAEMON_H
#define MEMVIP_SETUP_DAEMON_H

#include "setup.h"

/* Fills in what s knows of keepalived. conf: --keepalived, or NULL. */
void setup_daemon(struct setup *s, const char *conf);

#endif
