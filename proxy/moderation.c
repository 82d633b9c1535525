/* moderation: when a moment's sleep before the next look is worth it. See moderation.h. */
#include "moderation.h"

/* Both in a second. What comes together is found at once: with sleeps fewer are. */
static int
is_much(const struct moderation *m, uint64_t found, uint64_t bytes)
{
	return found >= (m->on ? MODERATION_CALM : MODERATION_BUSY) || bytes >= MODERATION_BULK;
}

static void
moderation_rest(struct moderation *m)
{
	m->on = 0;
	if (m->rest_next < MODERATION_REST_MIN)
		m->rest_next = MODERATION_REST_MIN;
	m->rest = m->rest_next;
	if (m->rest_next < MODERATION_REST_MAX)
		m->rest_next *= 2;
}

static void
moderation_judge(struct moderation *m, uint64_t found, uint64_t bytes)
{
	if (m->on && bytes < m->before - m->before / 8) {
		moderation_rest(m); /* who is asked waits for those that ask */
	} else if (m->on) {
		m->rest_next = MODERATION_REST_MIN;
		m->on = is_much(m, found, bytes) != 0;
	} else if (m->rest > 0) {
		m->rest--;
	} else if (is_much(m, found, bytes)) {
		m->on = 1;
		m->before = bytes;
	}
}

void
moderation_found(struct moderation *m, unsigned n, uint64_t now_us)
{
	uint64_t span = now_us - m->since_us;

	m->found += n;
	if (span < MODERATION_SPAN_US)
		return;
	moderation_judge(m, m->found * UINT64_C(1000000) / span, m->bytes * 1000000 / span);
	m->since_us = now_us;
	m->found = 0;
	m->bytes = 0;
}
