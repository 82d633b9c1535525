/* boot: the clock and the name of this boot, for state files that must not outlive it. */
#ifndef MEMVIP_BOOT_H
#define MEMVIP_BOOT_H

#include <stdint.h>

#define BOOT_ID_MAX 40 /* a UUID in text, with the NUL */

/* Milliseconds since the boot, suspended time included; the same for every process. */
uint64_t boot_ms(void);

/* This boot's random name (random(4), boot_id). Returns 0, or -1 with errno set and id "". */
int boot_id(char id[BOOT_ID_MAX]);

#endif
