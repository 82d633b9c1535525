/*
 * setup_instance: what keepalived's configuration says about one instance: its hook and its
 * check, and whether keepalived will run them.
 */
#ifndef MEMVIP_SETUP_INSTANCE_H
#define MEMVIP_SETUP_INSTANCE_H

#include "setup.h"

/* x->v must be there. */
void setup_instance(struct setup *s, const struct setup_site *x);

#endif
