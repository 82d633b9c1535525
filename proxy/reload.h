/*
 * reload: SIGHUP: the configuration is read again, by the same command line with the same file on
 * top. It is taken as a whole or refused as a whole, with one line in the log; no client connection
 * is closed for it.
 */
#ifndef MEMVIP_RELOAD_H
#define MEMVIP_RELOAD_H

#include "conf.h"
#include "farm.h"

/* Once, before the start leaves the working folder. All are used by reference; conf is changed. */
void reload_init(struct conf *conf, struct farm *farm, int argc, char **argv);

/* Read it again, now or as soon as the last change is done. */
void reload_ask(void);

#endif
