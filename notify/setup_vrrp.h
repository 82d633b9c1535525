/* setup_vrrp: who announces the VIP in this network? */
#ifndef MEMVIP_SETUP_VRRP_H
#define MEMVIP_SETUP_VRRP_H

#include "setup.h"

/* Listens for some advert intervals, 6 s at most. x->v must be there. */
void setup_vrrp(struct setup *s, const struct setup_site *x);

#endif
