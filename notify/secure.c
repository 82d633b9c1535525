/* secure: could anybody but root replace a program that root runs? See secure.h. */
#include "secure.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "file.h"

/* The type that the policy of the RHEL family gives to files below /usr/libexec/keepalived. */
#define SELINUX_TYPE	"keepalived_unconfined_script_exec_t"
#define SELINUX_ENFORCE "/sys/fs/selinux/enforce"

static int __attribute__((format(printf, 3, 4)))
flawed(struct secure_flaw *flaw, const char *todo, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(flaw->what, sizeof(flaw->what), fmt, ap);
	va_end(ap);
	snprintf(flaw->todo, sizeof(flaw->todo), "%s", todo);
	return -1;
}

/* One folder, or the file at the end. */
static int
part_check(const char *part, struct secure_flaw *flaw)
{
	char todo[SECURE_TEXT_MAX];
	struct stat st;
	int sticky;

	if (stat(part, &st) == -1)
		return flawed(flaw, "", "%s: %s", part, strerror(errno));
	sticky = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0;
	if (st.st_uid != 0) {
		snprintf(todo, sizeof(todo), "chown root %s", part);
		return flawed(flaw, todo, "%s belongs to uid %u, not to root", part, st.st_uid);
	}
	if (!sticky && (st.st_mode & S_IWOTH) != 0) {
		snprintf(todo, sizeof(todo), "chmod o-w %s", part);
		return flawed(flaw, todo, "everybody may write to %s", part);
	}
	if (!sticky && (st.st_mode & S_IWGRP) != 0 && st.st_gid != 0) {
		snprintf(todo, sizeof(todo), "chmod g-w %s", part);
		return flawed(flaw, todo, "the group %u may write to %s", st.st_gid, part);
	}
	return 0;
}

/* Every leading part of the path, then the path. */
static int
parts_check(const char *path, struct secure_flaw *flaw)
{
	char part[PATH_MAX];
	const char *p = path;

	if (path[0] != '/')
		return flawed(flaw, "", "%s is no absolute path", path);
	if (part_check("/", flaw) == -1)
		return -1;
	while (*(p += strspn(p, "/")) != '\0') {
		p += strcspn(p, "/");
		if (snprintf(part, sizeof(part), "%.*s", (int)(p - path), path) >=
		    (int)sizeof(part))
			return flawed(flaw, "", "%.64s...: too long", path);
		if (part_check(part, flaw) == -1)
			return -1;
	}
	return 0;
}

int
secure_path(const char *path, struct secure_flaw *flaw)
{
	char *real;
	int rc = parts_check(path, flaw);

	if (rc == -1)
		return -1;
	if ((real = realpath(path, NULL)) == NULL)
		return flawed(flaw, "", "%s: %s", path, strerror(errno));
	if (strcmp(real, path) != 0)
		rc = parts_check(real, flaw);
	free(real);
	return rc;
}

int
secure_program(const char *path, struct secure_flaw *flaw)
{
	char todo[SECURE_TEXT_MAX];
	struct stat st;

	if (secure_path(path, flaw) == -1)
		return -1;
	if (stat(path, &st) == -1)
		return flawed(flaw, "", "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return flawed(flaw, "", "%s is no file", path);
	if ((st.st_mode & S_IXUSR) == 0) {
		snprintf(todo, sizeof(todo), "chmod 755 %s", path);
		return flawed(flaw, todo, "%s is not executable", path);
	}
	return 0;
}

int
secure_selinux_denies(const char *path, char *label, size_t size)
{
	char enforce[8];
	ssize_t n;

	if (file_read(-1, SELINUX_ENFORCE, enforce, sizeof(enforce)) < 1 || enforce[0] != '1')
		return 0;
	n = getxattr(path, "security.selinux", label, size - 1);
	if (n < 0) {
		snprintf(label, size, "none");
		return 1;
	}
	label[n] = '\0';
	return strstr(label, SELINUX_TYPE) == NULL;
}
