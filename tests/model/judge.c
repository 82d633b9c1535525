#include <string.h>

#include "judge.h"

static void
write_ends(struct world *w, struct client *c)
{
	w->ended |= (uint8_t)(1u << c->id);
	memset(c, 0, sizeof *c);
}

void
write_acknowledged(struct world *w, struct client *c, int refused)
{
	if (c->op == CLIENT_CAS && !refused) {
		if (c->doomed || w->swapped & 1u << c->base)
			w->bad = WRONG_CAS;
		w->swapped |= (uint8_t)(1u << c->base);
	}
	/* What was refused must not show up. */
	w->forbidden |= refused ? (uint8_t)(1u << c->id) : c->before;
	write_ends(w, c);
}

void
client_fails(struct world *w, struct client *c)
{
	if (client_reads(c))
		memset(c, 0, sizeof *c);
	else if (client_writes(c))
		write_ends(w, c);
}

enum wrong
judge(const struct world *w, unsigned value, unsigned forbidden)
{
	if (value == NO_ITEM)
		return ((w->deletes | w->excused) & ~forbidden) != 0 ? RIGHT : WRONG_LOST;
	return forbidden & 1u << value ? WRONG_STALE : RIGHT;
}
