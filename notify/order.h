/* order: what a hook asks of the custodian, and its text on the control socket. No I/O. */
#ifndef MEMVIP_ORDER_H
#define MEMVIP_ORDER_H

#include <stddef.h>

#include "args.h"
#include "ident.h"

#define ORDER_PATH_MAX 1024 /* a path, with the NUL */
#define ORDER_TEXT_MAX 4096

struct order {
	enum args_what what;	 /* ARGS_HOOK, ARGS_SYNC or ARGS_STOP */
	struct word word;	 /* with ARGS_HOOK */
	struct ident keepalived; /* pid 0: none was found */
	int by_ancestry;	 /* it is the hook's own ancestor, so the right one of several */
	char conf[ORDER_PATH_MAX];
	char proxy[ORDER_PATH_MAX];
	int keep_vip;
};

/* Does it say that keepalived no longer has the instance? */
int order_deletes(const struct order *o);

/* Writes it as lines. Returns 0, or -1 when it does not fit. */
int order_format(const struct order *o, char *buf, size_t size);

/*
 * Reads it (text is changed). Lines that it does not know are left out: the other side may be of
 * another version. Returns 0, or -1 when what it must have is missing or wrong.
 */
int order_parse(struct order *o, char *text);

/* The four lines of a word, for the state file too. prefix: "said". */
struct pairs;
void order_word_format(struct pairs *p, const struct word *w);
/* Returns 1 when key was a line of a word, and has been read into *w; else 0. */
int order_word_parse(struct word *w, const char *key, const char *value);

/* Copies a value that must fit whole. Returns 0 or -1. */
int order_copy(char *out, size_t size, const char *value);

#endif
