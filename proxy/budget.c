/* budget: everything that is buffered, against --max-memory. See budget.h. */
#include "budget.h"

#include <limits.h>

#include "blob.h"
#include "log.h"

static enum {
	BUDGET_EASY,
	BUDGET_TIGHT, /* what is under way is waited for */
	BUDGET_STUCK  /* that has not helped, and no client is to blame */
} level;
static uint64_t limit, patience_ms;
static uint64_t tight_ms; /* since when */
static size_t other;	  /* bytes in no blob */
static size_t coming;	  /* bytes of values that are not whole */

static const void *holder;  /* whose value is the one more; NULL: nobody's */
static size_t holder_waits; /* for so many bytes; 0: it does not */
static uint64_t holder_ms;  /* since when it has not got more */
static uint8_t others_wait; /* for room among the values */
/* Since the last look: the holder is another, or has got more; a value has come to its end. */
static uint8_t holder_moved, one_less;

void
budget_change(uint64_t bytes, uint64_t ms)
{
	limit = bytes;
	patience_ms = ms;
}

void
budget_init(uint64_t bytes, uint64_t ms)
{
	budget_change(bytes, ms);
	level = BUDGET_EASY;
	other = coming = holder_waits = 0;
	holder = NULL;
	others_wait = holder_moved = one_less = 0;
}

uint64_t
budget_used(void)
{
	return (uint64_t)blob_total() + other;
}

/* Of commands and answers. */
static uint64_t
flowing(void)
{
	return budget_used() > coming ? budget_used() - coming : 0;
}

/* Where new commands have to wait, and where they may go on. */
static uint64_t
high(void)
{
	return limit / 2;
}

static uint64_t
low(void)
{
	return limit / 8 * 3;
}

static void
budget_tighten(uint64_t now_ms)
{
	static int told;

	level = BUDGET_TIGHT;
	tight_ms = now_ms;
	if (!told)
		log_warnx("commands and answers take half of --max-memory (%llu bytes): new "
			  "commands wait",
			  (unsigned long long)limit);
	told = 1;
}

int
budget_look(size_t bytes, uint64_t now_ms)
{
	int was_tight = level == BUDGET_TIGHT, room;

	other = bytes;
	room = others_wait &&
	       (one_less || (holder_waits > 0 && budget_used() + holder_waits <= limit));
	if (level == BUDGET_EASY && flowing() >= high())
		budget_tighten(now_ms);
	else if (level != BUDGET_EASY && flowing() < low())
		level = BUDGET_EASY;
	if (holder_moved)
		holder_ms = now_ms;
	if (room)
		others_wait = 0;
	holder_moved = one_less = 0;
	return room || (was_tight && level != BUDGET_TIGHT);
}

enum budget_blame
budget_blame(uint64_t now_ms)
{
	if (budget_used() > limit || (level == BUDGET_TIGHT && now_ms - tight_ms >= patience_ms))
		return BUDGET_READER;
	if (others_wait && holder != NULL && now_ms - holder_ms >= patience_ms)
		return BUDGET_SENDERS;
	return BUDGET_NOBODY;
}

int
budget_would_do(size_t bytes)
{
	return budget_used() > limit || flowing() < low() + bytes;
}

int
budget_blames_nobody(uint64_t now_ms)
{
	static int told;

	if (level != BUDGET_TIGHT || now_ms - tight_ms < patience_ms)
		return 0; /* what is under way may yet help */
	level = BUDGET_STUCK;
	others_wait = 0;
	if (!told)
		log_warnx("half of --max-memory (%llu bytes) waits for a server: values are "
			  "refused until it answers",
			  (unsigned long long)limit);
	told = 1;
	return 1;
}

void
budget_waits_on(uint64_t now_ms)
{
	holder_ms = now_ms;
}

int
budget_is_tight(void)
{
	return level == BUDGET_TIGHT;
}

static int
has_room(const void *whose, size_t have, size_t n)
{
	if (budget_used() + n <= limit && have == 0 && n <= BUDGET_FIRST)
		return 1;
	if (coming - have + n <= limit / 4)
		return 1;
	if (holder == NULL) {
		holder = whose;
		holder_moved = 1;
	}
	if (holder != whose || budget_used() + n > limit)
		return 0;
	holder_moved = 1;
	return 1;
}

enum budget_room
budget_take(const void *whose, size_t have, size_t n, size_t total)
{
	if (holder == whose)
		holder_waits = 0;
	if (total > limit / BUDGET_VALUES || (level == BUDGET_STUCK && have == 0))
		return BUDGET_NEVER;
	if (has_room(whose, have, n)) {
		coming += n - have;
		return BUDGET_NOW;
	}
	if (level == BUDGET_STUCK)
		return BUDGET_NEVER;
	if (holder == whose)
		holder_waits = n;
	others_wait = 1;
	return BUDGET_LATER;
}

void
budget_end(const void *whose, size_t have)
{
	coming -= have;
	one_less = 1;
	if (holder != whose)
		return;
	holder = NULL;
	holder_waits = 0;
}

unsigned
budget_copies(size_t bytes)
{
	uint64_t n = budget_used() < limit / 8 * 7 ? limit / 8 / (bytes > 0 ? bytes : 1) : 1;

	return n < 1 ? 1 : n > UINT_MAX ? UINT_MAX : (unsigned)n;
}
