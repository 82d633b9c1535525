/* pairs: lines of "key value", as the state file and the control socket have them. No I/O. */
#ifndef MEMVIP_PAIRS_H
#define MEMVIP_PAIRS_H

#include <stddef.h>
#include <stdint.h>

#include "ident.h"

/* Text that grows in a buffer of the caller's; what does not fit sets full and is left out whole. */
struct pairs {
	char *buf; /* always ended with a NUL */
	size_t size, len;
	int full;
};

void pairs_init(struct pairs *p, char *buf, size_t size);

/* Adds one line. A newline in value becomes a blank: a value is never more than its line. */
void pairs_text(struct pairs *p, const char *key, const char *value);
void pairs_number(struct pairs *p, const char *key, uint64_t value);
void pairs_ident(struct pairs *p, const char *key, const struct ident *id);

/*
 * Cuts the next whole line off *at (which is changed). Returns its key, with *value set to the
 * rest after one blank ("" when there is none), or NULL at the end.
 */
char *pairs_next(char **at, char **value);

/* Reads what the writers above wrote. Each returns 0, or -1 with *out untouched. */
int pairs_get_number(const char *value, uint64_t max, uint64_t *out);
int pairs_get_ident(const char *value, struct ident *out);

#endif
