/*
 * kconf: keepalived's configuration as a tree of lines, each of words, with the block behind it
 * (keepalived.conf(5)). Includes are followed, conditions (@name) and simple definitions ($NAME=value)
 * applied. What it does not follow (~SEQ, ~LST, definitions of several lines) it names.
 */
#ifndef MEMVIP_KCONF_H
#define MEMVIP_KCONF_H

#include <stddef.h>

struct kline {
	struct kline *next;  /* in the same block */
	struct kline *block; /* the first line of the block that follows, NULL: none */
	const char *file;
	unsigned line;
	unsigned n;  /* how many words; at least one */
	char **word; /* without quotes */
};

struct kconf {
	struct kline *first;
	unsigned files;	     /* how many were read */
	const char *beyond;  /* the first thing that was not followed ("~SEQ"), NULL: none */
	char err[512];	     /* one line: what could not be read, and where */
	struct kpart *parts; /* all memory of it */
	struct kvar *vars;
};

/*
 * Reads the file. id: what conditions are compared with, keepalived's -i, by default the first part of
 * the node's name. Returns 0, or -1 with k->err set; then too what was read is there. Bounded: by its
 * size, the depth of includes and blocks. kconf_free() releases it in any case.
 */
int kconf_read(struct kconf *k, const char *path, const char *id);
void kconf_free(struct kconf *k);

/* The first line of that name at or after l, in the same block; NULL: there is none. */
const struct kline *kconf_find(const struct kline *l, const char *name);

/* Its word at i, "" when it has fewer. */
const char *kline_word(const struct kline *l, unsigned i);

#endif
