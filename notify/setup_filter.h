/* setup_filter: do the packet filter's rules let VRRP in and out, as far as one can see? */
#ifndef MEMVIP_SETUP_FILTER_H
#define MEMVIP_SETUP_FILTER_H

#include "setup.h"

/* x->v must be there. */
void setup_filter(struct setup *s, const struct setup_site *x);

#endif
