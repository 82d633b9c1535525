/* source: what comes next. See source.h. */
#include "source.h"

void
source_setup(struct source *s, const struct work *work)
{
	*s = (struct source){.work = work, .rng = 0x2545f4914f6cdd1du};
}

void
source_begin(struct source *s, enum source_kind kind, uint64_t left, uint64_t now_ns)
{
	s->kind = kind;
	s->left = left;
	s->next_key = 0;
	s->start_ns = now_ns;
}

int
source_is_paced(const struct source *s)
{
	return s->kind == SOURCE_MIX && s->work->rate != 0;
}

uint64_t
source_due_ns(const struct source *s, uint64_t n)
{
	/* 128 bits: n * 10^9 wraps after 18 * 10^9 requests. */
	uint64_t at_ns = (uint64_t)((unsigned __int128)n * 1000000000u / s->work->rate);

	return s->start_ns + (at_ns + SOURCE_TICK_NS - 1) / SOURCE_TICK_NS * SOURCE_TICK_NS;
}

/* xorshift64*, the upper half; 0 <= result < n. */
static uint32_t
below(struct source *s, uint32_t n)
{
	s->rng ^= s->rng >> 12;
	s->rng ^= s->rng << 25;
	s->rng ^= s->rng >> 27;
	return (uint32_t)(((s->rng * 0x2545f4914f6cdd1du >> 32) * n) >> 32);
}

int
source_next(struct source *s, unsigned conn, uint64_t begun, uint64_t now_ns, struct op *op)
{
	const struct work *w = s->work;

	if (s->left == 0 || s->kind == SOURCE_NOTHING)
		return -1;
	op->due_ns = now_ns;
	op->n_keys = 1;
	op->is_get = 0;
	if (s->kind == SOURCE_EACH_KEY) {
		if (s->next_key == w->items.keys)
			return -1;
		op->key = s->next_key++;
	} else {
		if (w->rate != 0) {
			op->due_ns = source_due_ns(s, begun * w->conns + conn);
			if (op->due_ns > now_ns)
				return -1;
		}
		op->is_get = below(s, 100) < w->get_percent;
		op->key = below(s, w->items.keys);
		if (op->is_get)
			op->n_keys = w->multi;
	}
	s->left--;
	return 0;
}
