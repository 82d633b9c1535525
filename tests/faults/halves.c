/* halves: one history, or two. See halves.h. */
#include "halves.h"

void
halves_setup(struct halves *h, struct judge *j)
{
	*h = (struct halves){.judge = {j, j}};
}

void
halves_free(struct halves *h)
{
	if (halves_are_two(h))
		judge_free(h->judge[1]);
	judge_free(h->judge[0]);
}

void
halves_part(struct halves *h)
{
	if (halves_are_two(h))
		return;
	h->then = *judge_counts(h->judge[0]);
	h->acknowledged = judge_acknowledged(h->judge[0]);
	h->judge[1] = judge_part(h->judge[0]);
	h->parted++;
}

void
halves_parted(struct halves *h, uint64_t now_us)
{
	if (halves_are_two(h))
		judge_parted(h->judge[0], h->judge[1], now_us);
}

void
halves_join(struct halves *h, unsigned n)
{
	struct judge *gone = h->judge[!n];

	if (!halves_are_two(h))
		return;
	h->given_up += judge_acknowledged(gone) - h->acknowledged;
#define X(name) h->gone.name += judge_counts(gone)->name - h->then.name;
	JUDGE_COUNTS(X)
#undef X
	judge_free(gone);
	h->judge[!n] = h->judge[n];
}
