/* bytes: a queue of bytes that grows; what fuzzed clients and servers read into and write from. */
#ifndef MEMVIP_TEST_FUZZ_BYTES_H
#define MEMVIP_TEST_FUZZ_BYTES_H

#include <stdarg.h>
#include <sys/types.h>

#include "fuzz.h"

struct bytes {
	char *p;
	size_t len, cap;
};

static inline void
bytes_add(struct bytes *b, const void *p, size_t n)
{
	if (b->cap - b->len < n) {
		b->cap = 2 * (b->len + n) + 64;
		if ((b->p = realloc(b->p, b->cap)) == NULL)
			abort();
	}
	if (n > 0)
		memcpy(b->p + b->len, p, n);
	b->len += n;
}

static inline void __attribute__((format(printf, 2, 3)))
bytes_printf(struct bytes *b, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	MUST(n >= 0 && (size_t)n < sizeof(line));
	bytes_add(b, line, (size_t)n);
}

/* Takes the first n bytes away. */
static inline void
bytes_take(struct bytes *b, size_t n)
{
	MUST(n <= b->len);
	if (n > 0)
		memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
}

static inline void
bytes_free(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){NULL, 0, 0};
}

/* Reads all that is there. Returns 0 when the other side has ended. */
int bytes_read(struct bytes *b, int fd);

/* Writes at most n bytes. Returns -1 when the other side has gone. */
int bytes_write(struct bytes *b, int fd, size_t n);

#endif
