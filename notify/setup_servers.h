/*
 * setup_servers: the memcached servers: do they answer, are they new enough, open to strangers,
 * ours alone?
 */
#ifndef MEMVIP_SETUP_SERVERS_H
#define MEMVIP_SETUP_SERVERS_H

#include "setup.h"

void setup_servers(struct setup *s, const struct setup_site *x);

#endif
