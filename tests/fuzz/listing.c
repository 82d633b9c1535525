/* Intent: whatever a server lists, of its keys or of its connections, only keys are taken for keys,
 * and the same ones however the bytes are cut. */
/* needs: tests/fuzz/clock.c proxy/io.c proxy/ready.c proxy/moderation.c proxy/stats.c proxy/buf.c proxy/blob.c proxy/spare.c proxy/fence.c */
#include "fuzz.h"

/* Its reading of a window is its own. */
#include "../../proxy/listing.c"

#include "fence.h"

struct seen {
	unsigned keys, ends;
	uint32_t sum;
	const char *why;
};

static int
on_key(struct listing *l, const char *key, size_t len)
{
	struct seen *s = l->arg;

	MUST(s->ends == 0 && len >= 1 && len <= PROTO_KEY_MAX);
	for (size_t i = 0; i < len; i++)
		s->sum = s->sum * 31 + (unsigned char)key[i];
	s->keys++;
	return s->sum % 8 != 0; /* now and then the reader wants a pause */
}

static void
on_end(struct listing *l, const char *why)
{
	struct seen *s = l->arg;

	s->ends++;
	s->why = why;
}

/* Hands over the bytes as a connection would: step at a time, what is left over first. */
static struct seen
list(const char *p, size_t size, size_t step)
{
	struct seen seen = {0, 0, 0, NULL};
	struct listing l = {.key = on_key, .end = on_end, .arg = &seen};
	size_t from = 0, to = 0;

	timer_init(NULL);
	listing_setup(&l);
	l.running = 1;
	while (to < size && l.running) {
		char *window;
		size_t n, used;

		to = size - to < step ? size : to + step;
		for (;;) {
			n = to - from;
			window = fuzz_copy(p + from, n);
			used = listing_data(&l.io, &(struct io_window){window, n, NULL});
			free(window);
			MUST(used <= n);
			from += used;
			if (!l.running || !l.paused)
				break;
			l.paused = 0; /* and on, with what was held back */
		}
	}
	listing_stop(&l);
	MUST(seen.ends <= 1);
	return seen;
}

static void
check_listing(const char *p, size_t size)
{
	struct seen whole = list(p, size, size + 1);

	for (size_t step = 1; step < size; step = step * 3 + 1) {
		struct seen cut = list(p, size, step);

		MUST(cut.keys == whole.keys && cut.sum == whole.sum && cut.ends == whole.ends);
		MUST((cut.why == NULL) == (whole.why == NULL));
	}
}

/* The first line is what another proxy has left as its ports, the others list connections. */
static void
check_fence(const char *p, size_t size)
{
	struct fence f = {.n = 0};
	char *text = fuzz_text(p, size), *rest = text, *ports = strsep(&rest, "\n"), *line;

	fence_note_list(&f, ports);
	MUST(f.n <= (strlen(ports) + 1) / 2); /* an address and a comma each */
	fence_list_begin(&f);
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *exact = fuzz_copy(line, strlen(line));

		fence_list_line(&f, exact, strlen(line));
		free(exact);
	}
	if (f.seen > 0) {
		unsigned n = f.n, named = 0;
		for (unsigned i = 0; i < n; i++)
			named += f.listed[i];
		MUST(named >= 1 && named <= f.seen && !fence_list_end(&f) && f.n == n);
	} else {
		MUST(fence_list_end(&f) && fence_clear(&f));
	}
	fence_forget(&f);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_listing((const char *)data, size);
	check_fence((const char *)data, size);
	return 0;
}
