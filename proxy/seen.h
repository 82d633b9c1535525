/*
 * seen: the keys that a fill knows to be on the server that it fills, so that a further listing's lines
 * (fill.c) cost a look into memory and not a question. It forgets, where more keys come than it has room
 * for, and then it is asked; that it takes one key for another is as likely as 64 bits that are the same.
 */
#ifndef MEMVIP_SEEN_H
#define MEMVIP_SEEN_H

#include <stddef.h>
#include <stdint.h>

/* What it takes while anything is filled, for all fills together, as it is used: room for two million keys. */
#define SEEN_BYTES (16u << 20)

/* A fill begins. Returns its number: what others have seen is nothing to it. Never 0. */
uint64_t seen_begin(void);
/* It has ended; once for each begin. After the last one the memory is given back. */
void seen_end(void);

void seen_add(uint64_t fill, const char *key, size_t len);
void seen_forget(uint64_t fill, const char *key, size_t len);
int seen_has(uint64_t fill, const char *key, size_t len);

#endif
