/* setup_file: memvip.conf, and the proxy that it leads to. */
#ifndef MEMVIP_SETUP_FILE_H
#define MEMVIP_SETUP_FILE_H

#include "setup.h"

void setup_file(struct setup *s, const struct setup_site *x);

#endif
