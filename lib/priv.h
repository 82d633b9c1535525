/* priv: give up root and every capability for good, and look that they are gone. */
#ifndef MEMVIP_PRIV_H
#define MEMVIP_PRIV_H

#include <sys/types.h>

struct priv_ids {
	uid_t uid;
	gid_t gid;
	const char *name; /* for initgroups(3), or NULL: no supplementary groups */
};

/*
 * Looks up who to become. user, group: a name or a number, NULL for "not asked". A user without
 * a group takes the user's own group. name points into static storage of getpwnam(3).
 * Returns 1 when there is somebody to become, 0 when nobody was asked for, -1 with *why set.
 */
int priv_lookup(struct priv_ids *ids, const char *user, const char *group, const char **why);

/*
 * Becomes ids and verifies it: groups, gid, uid (real, effective, saved), and, unless the uid is
 * 0, that root cannot be had back. Clears the parent-death signal (setuid(2) does).
 * Returns 0, or -1 with *why set; then the process must not go on.
 */
int priv_drop(const struct priv_ids *ids, const char **why);

/*
 * Empties the bounding set of capabilities(7): none can be had from an executed file either. Needs
 * CAP_SETPCAP, so it stands before priv_drop(); without it (no root) nothing is done, for nothing can
 * be gained then: see priv_shed(). Never fails.
 */
void priv_bound(void);

/*
 * Gives up every capability that is left (also of uid 0, which is an owner of files then and nothing
 * more) and the right to gain any by execve(2) (PR_SET_NO_NEW_PRIVS), and verifies it.
 * Returns 0, or -1 with *why set; then the process must not go on.
 */
int priv_shed(const char **why);

#endif
