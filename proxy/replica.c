/* replica: what one server is to us. See replica.h. */
#include "replica.h"

#include <stddef.h>

#include "history.h"
#include "log.h"
#include "span.h"

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
	*r = (struct replica){
	    .name = name, .retry_ms = REPLICA_RETRY_FIRST_MS, .since_ms = now_ms, .out_ms = now_ms};
}

/* What is done about a server that came into use so. */
static const char *
replica_remedy(enum replica_state s)
{
	switch (s) {
	case REPLICA_FILLING:
		return "; it is filled, and only follows meanwhile";
	case REPLICA_SUSPECT:
		return "; it is compared with the other copy, and only follows meanwhile";
	default:
		return "";
	}
}

/* What changes service: what, why, since when, and what is done about it. */
static void
replica_tell(const struct replica *r, enum replica_state from, uint64_t for_ms, const char *why)
{
	const char *was = state_names[from], *is = state_names[r->state];
	const char *colon = why != NULL ? ": " : "", *reason = why != NULL ? why : "";
	char span[SPAN_MAX];

	span_text(span, for_ms);
	if (!replica_usable(r))
		log_warnx("server %s: %s -> %s%s%s (it was %s for %s); %s; trying again in %u ms",
			  r->name, was, is, colon, reason, was, span,
			  r->others ? "its keys are served from the other copy"
				    : "no other copy of its keys is in use",
			  r->retry_ms);
	else if (from < REPLICA_FILLING)
		log_info("server %s: %s -> %s%s%s (out of use for %s)%s", r->name, was, is, colon,
			 reason, span, replica_remedy(r->state));
	else
		log_info("server %s: %s -> %s%s%s (%s for %s)%s", r->name, was, is, colon, reason,
			 was, span, replica_remedy(r->state));
}

/* Sets the state and says so: a line for what changes service, the rest with -v. */
static void
replica_enter(struct replica *r, enum replica_state to, uint64_t now_ms, const char *why)
{
	enum replica_state from = r->state;
	int was_usable = replica_usable(r), usable;
	uint64_t since_ms = r->since_ms;

	r->state = to;
	r->since_ms = now_ms;
	usable = replica_usable(r);
	if (was_usable && !usable)
		r->out_ms = now_ms;
	/* Tries that fail again and again would push what matters out of it. */
	if (was_usable || usable || (to == REPLICA_DOWN && !r->told))
		history_add(r->name, state_names[from], state_names[to], why);
	if (was_usable || usable)
		replica_tell(r, from, now_ms - (was_usable ? since_ms : r->out_ms), why);
	else if (to == REPLICA_DOWN && !r->told)
		log_warnx("server %s: cannot be used: %s; trying again", r->name,
			  why != NULL ? why : "unknown");
	else
		log_debug("server %s: %s -> %s%s%s", r->name, state_names[from], state_names[to],
			  why != NULL ? ": " : "", why != NULL ? why : "");
	if (to == REPLICA_DOWN)
		r->told = 1;
	else if (usable)
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
