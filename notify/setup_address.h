/* setup_address: the VIP on the interface, the port on the VIP. */
#ifndef MEMVIP_SETUP_ADDRESS_H
#define MEMVIP_SETUP_ADDRESS_H

#include "setup.h"

void setup_address(struct setup *s, const struct setup_site *x);

#endif
