/*
 * blob: refcounted bytes, so that one body serves two servers and one reply serves a client
 * without being copied. Single-threaded; small ones come from free lists.
 */
#ifndef MEMVIP_BLOB_H
#define MEMVIP_BLOB_H

#include <stddef.h>
#include <stdint.h>

/* The sizes that are asked for most; see blob.c for all. */
#define BLOB_SMALL 2048u
#define BLOB_LARGE 16384u

struct blob {
	uint32_t refs;
	uint32_t cap; /* bytes in data */
	uint32_t len; /* bytes in use; kept by whoever fills it */
	struct blob *next_free;
	char data[];
};

/*
 * A new blob with refs 1, len 0 and at least cap bytes (cap <= 2 GiB). Never fails: without memory
 * the process ends with one line.
 */
struct blob *blob_new(size_t cap);

static inline struct blob *
blob_ref(struct blob *b)
{
	b->refs++;
	return b;
}

void blob_gone(struct blob *b);

/* Gives one reference back; with the last one the blob is gone. */
static inline void
blob_unref(struct blob *b)
{
	if (--b->refs == 0)
		blob_gone(b);
}

/* Bytes that live blobs hold now (their capacity). */
size_t blob_total(void);

/* Called now and then, before spare_tidy(): large ones that are not needed any more are given back. */
void blob_tidy(void);

#endif
