/* prom: what there is to see, in Prometheus' text format, version 0.0.4. */
#ifndef MEMVIP_PROM_H
#define MEMVIP_PROM_H

#include <stdio.h>

#include "conf.h"
#include "farm.h"

#define PROM_TYPE "text/plain; version=0.0.4; charset=utf-8"

void prom_write(FILE *out, struct farm *farm, const struct conf *conf);

#endif
