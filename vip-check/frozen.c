/* frozen: is the process that would end the proxy able to? See frozen.h. */
#include "frozen.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "boot.h"
#include "file.h"
#include "proc.h"

#define STATE_MAX 4097 /* memvip-notify writes less than that */

/* What follows "KEY " on its line; NULL when there is no such line. */
static const char *
line_find(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, key, n) == 0 && line[n] == ' ')
			return line + n + 1;
	}
	return NULL;
}

int
frozen_scan(const char *text, const char *boot, pid_t *pid, unsigned long long *start_ticks)
{
	const char *of = line_find(text, "boot"), *who = line_find(text, "custodian");
	size_t n = strlen(boot);
	int id;

	if (of == NULL || who == NULL || n == 0 || strncmp(of, boot, n) != 0 || of[n] != '\n' ||
	    sscanf(who, "%9d %19llu\n", &id, start_ticks) != 2 || id <= 1)
		return 0;
	*pid = id;
	return 1;
}

int
frozen_custodian(const char *run_dir, const struct addr *vip, pid_t *pid)
{
	char path[4096], ip[ADDR_TEXT_MAX], text[STATE_MAX], boot[BOOT_ID_MAX];
	unsigned long long start_ticks;
	struct proc_info p;

	addr_ip(vip, ip, sizeof(ip));
	if ((size_t)snprintf(path, sizeof(path), "%s/custody-%s_%u.state", run_dir, ip,
			     addr_port(vip)) >= sizeof(path) ||
	    file_read(AT_FDCWD, path, text, sizeof(text)) == -1 || boot_id(boot) == -1)
		return 0;
	return frozen_scan(text, boot, pid, &start_ticks) && proc_read(*pid, &p) == 0 &&
	       p.start_ticks == start_ticks && p.state == 'T';
}
