/* keeper: which keepalived is it that this hook speaks for? */
#ifndef MEMVIP_KEEPER_H
#define MEMVIP_KEEPER_H

#include "ident.h"

/*
 * keepalived's main process: the hook's topmost ancestor of that name (a hook is run by the VRRP
 * child, that by the main process; a wrapper script may be in between). When the caller has no
 * such ancestor, a main process of this network namespace. Sets *by_ancestry to 1 or 0.
 * Returns 1, 0 when none lives, -1 with errno set when that could not be found out.
 */
int keeper_find(struct ident *out, int *by_ancestry);

/* The second half of it alone: any main process of this network namespace. */
int keeper_any(struct ident *out);

#endif
