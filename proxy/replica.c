/* replica: what one server is to us. See replica.h. */
#include "replica.h"

#include <stddef.h>

#include "log.h"

static const char *const state_names[] = {
    [REPLICA_DOWN] = "down",	   [REPLICA_CONNECTING] = "connecting",
    [REPLICA_FENCING] = "fencing", [REPLICA_PROVING] = "proving",
    [REPLICA_FILLING] = "filling", [REPLICA_SUSPECT] = "suspect",
    [REPLICA_CURRENT] = "current",
};

const char *
replica_state_name(enum replica_state s)
{
	return state_names[s];
}

void
replica_init(struct replica *r, const char *name, uint64_t now_ms)
{
	*r = (struct replica){.name = name, .retry_ms = REPLICA_RETRY_FIRST_MS, .since_ms = now_ms};
}

/* Sets the state and says so: a line for what changes service, the rest with -v. */
static void
replica_enter(struct replica *r, enum replica_state to, uint64_t now_ms, const char *why)
{
	enum replica_state from = r->state;
	int usable = replica_usable(r);

	r->state = to;
	r->since_ms = now_ms;
	if (usable && !replica_usable(r))
		log_warnx("server %s: %s -> %s%s%s", r->name, state_names[from], state_names[to],
			  why != NULL ? ": " : "", why != NULL ? why : "");
	else if (replica_usable(r))
		log_info("server %s: %s -> %s%s%s", r->name, state_names[from], state_names[to],
			 why != NULL ? ": " : "", why != NULL ? why : "");
	else if (to == REPLICA_DOWN && !r->told)
		log_warnx("server %s: cannot be used: %s; trying again", r->name,
			  why != NULL ? why : "unknown");
	else
		log_debug("server %s: %s -> %s%s%s", r->name, state_names[from], state_names[to],
			  why != NULL ? ": " : "", why != NULL ? why : "");
	if (to == REPLICA_DOWN)
		r->told = 1;
	else if (replica_usable(r))
		r->told = 0;
}

enum replica_action
replica_event(struct replica *r, enum replica_event ev, uint64_t now_ms, const char *why)
{
	switch (ev) {
	case REPLICA_EV_TRY:
		if (r->state != REPLICA_DOWN)
			break;
		replica_enter(r, REPLICA_CONNECTING, now_ms, why);
		return REPLICA_DO_CONNECT;
	case REPLICA_EV_READY:
		if (r->state != REPLICA_CONNECTING)
			break;
		replica_enter(r, REPLICA_FENCING, now_ms, why);
		return REPLICA_DO_FENCE;
	case REPLICA_EV_FENCED:
		if (r->state != REPLICA_FENCING)
			break;
		replica_enter(r, REPLICA_PROVING, now_ms, why);
		return REPLICA_DO_PROVE;
	case REPLICA_EV_TRUSTED:
		if (r->state != REPLICA_PROVING)
			break;
		r->stale = 0;
		replica_enter(r, REPLICA_CURRENT, now_ms, why);
		break;
	case REPLICA_EV_SUSPECTED:
		if (r->state != REPLICA_PROVING)
			break;
		r->stale = 0;
		replica_enter(r, REPLICA_SUSPECT, now_ms, why);
		break;
	case REPLICA_EV_BEHIND:
		if (r->state != REPLICA_CURRENT)
			break;
		replica_enter(r, REPLICA_FILLING, now_ms, why);
		break;
	case REPLICA_EV_FILLED:
		if (r->state != REPLICA_FILLING && r->state != REPLICA_SUSPECT)
			break;
		replica_enter(r, REPLICA_CURRENT, now_ms, why);
		break;
	case REPLICA_EV_EMPTIED:
		if (r->state != REPLICA_PROVING)
			break;
		r->stale = 0;
		replica_enter(r, REPLICA_FILLING, now_ms, why);
		break;
	case REPLICA_EV_LOST:
		if (r->state == REPLICA_DOWN)
			break;
		if (replica_usable(r) && now_ms - r->since_ms >= REPLICA_STEADY_MS)
			r->retry_ms = REPLICA_RETRY_FIRST_MS;
		else
			r->retry_ms *= 2;
		if (r->retry_ms > REPLICA_RETRY_LAST_MS)
			r->retry_ms = REPLICA_RETRY_LAST_MS;
		replica_enter(r, REPLICA_DOWN, now_ms, why);
		return REPLICA_DO_RETRY;
	}
	return REPLICA_DO_NOTHING;
}
