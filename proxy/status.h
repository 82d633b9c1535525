/* status: what there is to see, as one JSON object. */
#ifndef MEMVIP_STATUS_H
#define MEMVIP_STATUS_H

#include <stdio.h>

#include "conf.h"
#include "farm.h"

void status_write(FILE *out, struct farm *farm, const struct conf *conf);

#endif
