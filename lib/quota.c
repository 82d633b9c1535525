/* quota: how many lines of a kind may be logged now. See quota.h. */
#include "quota.h"

#include <stdio.h>

/* What time has earned it. */
static void
earn(struct quota_kind *k, uint64_t now_ms)
{
	uint64_t more = (now_ms - k->earned_ms) / QUOTA_MORE_MS;

	if (more >= QUOTA_BURST - k->tokens) {
		k->tokens = QUOTA_BURST;
		k->earned_ms = now_ms;
		return;
	}
	k->tokens += (unsigned)more;
	k->earned_ms += more * QUOTA_MORE_MS;
}

/* The bucket of a kind. A new one takes a free place, or that of the one that is quiet for longest. */
static struct quota_kind *
find(struct quota *q, const void *kind, uint64_t now_ms)
{
	struct quota_kind *oldest = &q->kinds[0];

	for (unsigned i = 0; i < QUOTA_KINDS; i++) {
		struct quota_kind *k = &q->kinds[i];
		if (k->kind == kind)
			return k;
		if (oldest->kind != NULL && (k->kind == NULL || k->last_ms < oldest->last_ms))
			oldest = k;
	}
	q->held -= oldest->held; /* nobody will be told: there is no end of kinds */
	*oldest = (struct quota_kind){.kind = kind, .tokens = QUOTA_BURST, .earned_ms = now_ms};
	return oldest;
}

int
quota_take(struct quota *q, const void *kind, const char *text, uint64_t now_ms)
{
	struct quota_kind *k = find(q, kind, now_ms);

	earn(k, now_ms);
	k->last_ms = now_ms;
	if (k->tokens > 0) {
		k->tokens--;
		return 1;
	}
	if (k->held++ == 0)
		k->held_ms = now_ms;
	q->held++;
	snprintf(k->sample, sizeof(k->sample), "%s", text);
	return 0;
}

struct quota_kind *
quota_due(struct quota *q, int ending, uint64_t now_ms)
{
	if (q->held == 0)
		return NULL;
	for (unsigned i = 0; i < QUOTA_KINDS; i++) {
		struct quota_kind *k = &q->kinds[i];
		if (k->held == 0)
			continue;
		earn(k, now_ms);
		if (k->tokens == 0 && !ending)
			continue;
		k->tokens -= k->tokens > 0;
		return k;
	}
	return NULL;
}

void
quota_told(struct quota *q, struct quota_kind *k)
{
	q->held -= k->held;
	k->held = 0;
}
