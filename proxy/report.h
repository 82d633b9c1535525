/* report: what `stats` answers. */
#ifndef MEMVIP_REPORT_H
#define MEMVIP_REPORT_H

#include <stddef.h>

#include "buf.h"
#include "farm.h"

/* Once, at the start: uptime counts from here. */
void report_init(void);
uint64_t report_uptime_ms(void);
uint64_t report_started(void); /* seconds since 1970 */

/*
 * Adds the whole answer of `stats <what>` to out: "" (everything), "servers", "reset"; anything
 * else is an error line.
 */
void report_stats(struct buf *out, struct farm *farm, const char *what, size_t len);

#endif
