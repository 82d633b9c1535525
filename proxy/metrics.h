/*
 * metrics: what there is to see, by HTTP: /metrics, /status, /healthz (--metrics). Read-only, and
 * bounded in every way: whoever asks costs the cache's clients nothing.
 */
#ifndef MEMVIP_METRICS_H
#define MEMVIP_METRICS_H

#include <event2/event.h>

#include "conf.h"
#include "farm.h"

/*
 * Opens the port, if conf wants one; both are kept by reference. A port that cannot be had is told and
 * tried again each second from metrics_start() on: the cache is not lost for that.
 */
void metrics_open(const struct conf *conf, struct farm *farm);

void metrics_start(struct event_base *base);

/* Closes the port and every connection. */
void metrics_close(void);

#endif
