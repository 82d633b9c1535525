/* priv: give up root and every capability for good, and look that they are gone. See priv.h. */
#include "priv.h"

#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "num.h"

int
priv_lookup(struct priv_ids *ids, const char *user, const char *group, const char **why)
{
	uint64_t v;
	const char *ignored;

	ids->uid = geteuid();
	ids->gid = getegid();
	ids->name = NULL;
	if (user == NULL && group == NULL)
		return 0;
	if (user != NULL) {
		struct passwd *pw = getpwnam(user);
		if (pw == NULL && num_parse(user, 0, UINT_MAX - 1, &v, &ignored) == 0) {
			ids->uid = (uid_t)v;
			pw = getpwuid(ids->uid);
			if (pw == NULL && group == NULL) {
				*why = "no such user, and no group given";
				return -1;
			}
		} else if (pw == NULL) {
			*why = "no such user";
			return -1;
		}
		if (pw != NULL) {
			ids->uid = pw->pw_uid;
			ids->gid = pw->pw_gid;
			ids->name = pw->pw_name;
		}
	}
	if (group != NULL) {
		struct group *gr = getgrnam(group);
		if (gr != NULL) {
			ids->gid = gr->gr_gid;
		} else if (num_parse(group, 0, UINT_MAX - 1, &v, &ignored) == 0) {
			ids->gid = (gid_t)v;
		} else {
			*why = "no such group";
			return -1;
		}
	}
	return 1;
}

int
priv_drop(const struct priv_ids *ids, const char **why)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (geteuid() == 0) {
		int rc =
		    ids->name != NULL ? initgroups(ids->name, ids->gid) : setgroups(1, &ids->gid);
		if (rc != 0) {
			*why = "cannot set supplementary groups";
			return -1;
		}
	}
	if (setresgid(ids->gid, ids->gid, ids->gid) != 0) {
		*why = "cannot set the group";
		return -1;
	}
	if (setresuid(ids->uid, ids->uid, ids->uid) != 0) {
		*why = "cannot set the user";
		return -1;
	}
	if (getresuid(&r, &e, &s) != 0 || r != ids->uid || e != ids->uid || s != ids->uid ||
	    getresgid(&rg, &eg, &sg) != 0 || rg != ids->gid || eg != ids->gid || sg != ids->gid) {
		*why = "user or group did not change";
		return -1;
	}
	if (ids->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
		*why = "root could be had back";
		return -1;
	}
	return 0;
}

void
priv_bound(void)
{
	/* Beyond the kernel's last one the question fails. */
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return;
}

int
priv_shed(const char **why)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3],
	    none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	memset(caps, 0xff, sizeof(caps));
	/*
	 * The ambient set goes with the inheritable one. Where there is nothing to give up it is not
	 * tried: a sandbox may forbid the call.
	 */
	if ((syscall(SYS_capget, &head, caps) == -1 || memcmp(caps, none, sizeof(caps)) != 0) &&
	    syscall(SYS_capset, &head, none) == -1) {
		*why = "cannot give up capabilities";
		return -1;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		*why = "cannot give up new privileges";
		return -1;
	}
	memset(caps, 0xff, sizeof(caps));
	if (syscall(SYS_capget, &head, caps) == -1 || memcmp(caps, none, sizeof(caps)) != 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
		*why = "capabilities are still there";
		return -1;
	}
	return 0;
}
