/* file: small text files that are read and replaced whole. */
#ifndef MEMVIP_FILE_H
#define MEMVIP_FILE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads a file of fewer than size bytes into buf and ends it with a NUL. dir: a directory's
 * descriptor, or AT_FDCWD. Follows no symbolic link in the last part of the name, opens nothing
 * that could block (a FIFO). Returns its length, or -1 with errno set (EFBIG: it does not fit).
 */
ssize_t file_read(int dir, const char *name, char *buf, size_t size);

/*
 * Replaces a file by text, whole or not at all: a reader sees the old or the new one. mode: as
 * for open(2), before the umask. name: at most 200 bytes, in dir itself.
 * Returns 0, or -1 with errno set and nothing left behind.
 */
int file_replace(int dir, const char *name, const char *text, mode_t mode);

#endif
