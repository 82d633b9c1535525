/* keeper: which keepalived is it that this hook speaks for? See keeper.h. */
#include "keeper.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "keepalived.h"
#include "proc.h"

/* More generations than anybody has; a loop in what /proc says ends here. */
#define KEEPER_GENERATIONS 64

int
keeper_any(struct ident *out)
{
	pid_t pid;
	int rc = keepalived_find(&pid);

	memset(out, 0, sizeof(*out));
	if (rc != 1)
		return rc;
	if (ident_of(pid, out) == 0)
		return 1;
	return errno == ESRCH ? 0 : -1;
}

int
keeper_find(struct ident *out, int *by_ancestry)
{
	struct proc_info p;
	pid_t pid = getppid();

	memset(out, 0, sizeof(*out));
	*by_ancestry = 0;
	for (unsigned i = 0; i < KEEPER_GENERATIONS && pid > 0; i++, pid = p.ppid) {
		if (proc_read(pid, &p) == -1)
			break;
		if (keepalived_is(&p)) {
			*by_ancestry = 1;
			out->pid = p.pid;
			out->start_ticks = p.start_ticks;
		} else if (*by_ancestry) {
			break;
		}
	}
	return *by_ancestry ? 1 : keeper_any(out);
}
