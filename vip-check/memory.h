/* memory: what was said last, so that the log hears of a change and not of every second. */
#ifndef MEMVIP_MEMORY_H
#define MEMVIP_MEMORY_H

#include "addr.h"

/*
 * Remembers a mode's verdict. vip: NULL for a mode without. Returns 1 when it is news that ought
 * to be logged: not healthy, and healthy (or nothing known) before. dir: descriptor of the run
 * directory; -1: nothing can be remembered, and nothing is news.
 */
int memory_verdict(int dir, const char *mode, const struct addr *vip, int healthy);

/* Remembers an error's text. Returns 1 when it was not said within the last ten minutes. */
int memory_error(int dir, const char *text);

#endif
