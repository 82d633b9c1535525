/* custody: state x event -> action, next state. See custody.h. */
#include "custody.h"

/* clang-format off */
#define DO(action, next) {CUSTODY_##action, CUSTODY_##next}

static const struct custody_step steps[CUSTODY_STATES][CUSTODY_EVENTS] = {
	[CUSTODY_IDLE] = {
		[CUSTODY_VIP_HERE]           = DO(START,   STARTING),
		[CUSTODY_VIP_GONE]           = DO(NOTHING, IDLE),
		[CUSTODY_VIP_UNKNOWN]        = DO(NOTHING, IDLE),
		[CUSTODY_KEEPALIVED_GONE]    = DO(ORPHAN,  ORPHANED),
		[CUSTODY_KEEPALIVED_BACK]    = DO(NOTHING, IDLE),
		[CUSTODY_KEEPALIVED_NOWHERE] = DO(NOTHING, IDLE),
		[CUSTODY_PROXY_READY]        = DO(NOTHING, IDLE),
		[CUSTODY_PROXY_DIED]         = DO(NOTHING, IDLE),
		[CUSTODY_PROXY_SUPERSEDED]   = DO(NOTHING, IDLE),
		[CUSTODY_PROXY_REFUSED]      = DO(NOTHING, IDLE),
		[CUSTODY_TIMER]              = DO(NOTHING, IDLE),
		[CUSTODY_NUDGE]              = DO(NOTHING, IDLE),
		[CUSTODY_DELETED]            = DO(LOOK,    PARTING),
		[CUSTODY_STOP]               = DO(LOOK,    PARTING),
	},
	[CUSTODY_STARTING] = {
		[CUSTODY_VIP_HERE]           = DO(NOTHING, STARTING),
		[CUSTODY_VIP_GONE]           = DO(TERM,    ENDING),
		[CUSTODY_VIP_UNKNOWN]        = DO(NOTHING, STARTING),
		[CUSTODY_KEEPALIVED_GONE]    = DO(TERM,    ENDING),
		[CUSTODY_KEEPALIVED_BACK]    = DO(NOTHING, STARTING),
		[CUSTODY_KEEPALIVED_NOWHERE] = DO(NOTHING, STARTING),
		[CUSTODY_PROXY_READY]        = DO(SERVED,  SERVING),
		[CUSTODY_PROXY_DIED]         = DO(RETRY,   WAITING),
		[CUSTODY_PROXY_SUPERSEDED]   = DO(PAUSE,   WAITING),
		[CUSTODY_PROXY_REFUSED]      = DO(SLOW,    WAITING),
		[CUSTODY_TIMER]              = DO(KILL,    STARTING), /* its death leads on */
		[CUSTODY_NUDGE]              = DO(NOTHING, STARTING),
		[CUSTODY_DELETED]            = DO(NOTHING, STARTING), /* the VIP is here: so is the proxy */
		[CUSTODY_STOP]               = DO(DRAIN,   LEAVING),
	},
	[CUSTODY_SERVING] = {
		[CUSTODY_VIP_HERE]           = DO(NOTHING, SERVING),
		[CUSTODY_VIP_GONE]           = DO(TERM,    ENDING),
		[CUSTODY_VIP_UNKNOWN]        = DO(NOTHING, SERVING),
		[CUSTODY_KEEPALIVED_GONE]    = DO(TERM,    ENDING),
		[CUSTODY_KEEPALIVED_BACK]    = DO(NOTHING, SERVING),
		[CUSTODY_KEEPALIVED_NOWHERE] = DO(NOTHING, SERVING),
		[CUSTODY_PROXY_READY]        = DO(NOTHING, SERVING),
		[CUSTODY_PROXY_DIED]         = DO(RETRY,   WAITING),
		[CUSTODY_PROXY_SUPERSEDED]   = DO(PAUSE,   WAITING),
		[CUSTODY_PROXY_REFUSED]      = DO(SLOW,    WAITING),
		[CUSTODY_TIMER]              = DO(TRUST,   SERVING),
		[CUSTODY_NUDGE]              = DO(NOTHING, SERVING),
		[CUSTODY_DELETED]            = DO(NOTHING, SERVING),
		[CUSTODY_STOP]               = DO(DRAIN,   LEAVING),
	},
	[CUSTODY_ENDING] = {
		[CUSTODY_VIP_HERE]           = DO(NOTHING, ENDING), /* seen when it has ended */
		[CUSTODY_VIP_GONE]           = DO(NOTHING, ENDING),
		[CUSTODY_VIP_UNKNOWN]        = DO(NOTHING, ENDING),
		[CUSTODY_KEEPALIVED_GONE]    = DO(NOTHING, ENDING),
		[CUSTODY_KEEPALIVED_BACK]    = DO(NOTHING, ENDING),
		[CUSTODY_KEEPALIVED_NOWHERE] = DO(NOTHING, ENDING),
		[CUSTODY_PROXY_READY]        = DO(NOTHING, ENDING),
		[CUSTODY_PROXY_DIED]         = DO(LOOK,    IDLE),
		[CUSTODY_PROXY_SUPERSEDED]   = DO(LOOK,    IDLE),
		[CUSTODY_PROXY_REFUSED]      = DO(LOOK,    IDLE),
		[CUSTODY_TIMER]              = DO(KILL,    ENDING),
		[CUSTODY_NUDGE]              = DO(NOTHING, ENDING),
		[CUSTODY_DELETED]            = DO(NOTHING, LEAVING), /* the timer goes on */
		[CUSTODY_STOP]               = DO(NOTHING, LEAVING),
	},
	[CUSTODY_WAITING] = {
		[CUSTODY_VIP_HERE]           = DO(NOTHING, WAITING),
		[CUSTODY_VIP_GONE]           = DO(FORGET,  IDLE),
		[CUSTODY_VIP_UNKNOWN]        = DO(NOTHING, WAITING),
		[CUSTODY_KEEPALIVED_GONE]    = DO(ORPHAN,  ORPHANED),
		[CUSTODY_KEEPALIVED_BACK]    = DO(NOTHING, WAITING),
		[CUSTODY_KEEPALIVED_NOWHERE] = DO(NOTHING, WAITING),
		[CUSTODY_PROXY_READY]        = DO(NOTHING, WAITING),
		[CUSTODY_PROXY_DIED]         = DO(NOTHING, WAITING),
		[CUSTODY_PROXY_SUPERSEDED]   = DO(NOTHING, WAITING),
		[CUSTODY_PROXY_REFUSED]      = DO(NOTHING, WAITING),
		[CUSTODY_TIMER]              = DO(START,   STARTING),
		[CUSTODY_NUDGE]              = DO(START,   STARTING),
		[CUSTODY_DELETED]            = DO(NOTHING, WAITING),
		[CUSTODY_STOP]               = DO(LOOK,    PARTING),
	},
	[CUSTODY_ORPHANED] = {
		[CUSTODY_VIP_HERE]           = DO(NOTHING, ORPHANED),
		[CUSTODY_VIP_GONE]           = DO(NOTHING, ORPHANED),
		[CUSTODY_VIP_UNKNOWN]        = DO(NOTHING, ORPHANED),
		[CUSTODY_KEEPALIVED_GONE]    = DO(NOTHING, ORPHANED),
		[CUSTODY_KEEPALIVED_BACK]    = DO(LOOK,    IDLE),
		[CUSTODY_KEEPALIVED_NOWHERE] = DO(ABANDON, GONE),
		[CUSTODY_PROXY_READY]        = DO(NOTHING, ORPHANED),
		[CUSTODY_PROXY_DIED]         = DO(NOTHING, ORPHANED),
		[CUSTODY_PROXY_SUPERSEDED]   = DO(NOTHING, ORPHANED),
		[CUSTODY_PROXY_REFUSED]      = DO(NOTHING, ORPHANED),
		[CUSTODY_TIMER]              = DO(SEEK,    ORPHANED),
		[CUSTODY_NUDGE]              = DO(NOTHING, ORPHANED),
		[CUSTODY_DELETED]            = DO(NOTHING, ORPHANED), /* its VIP may be left behind still */
		[CUSTODY_STOP]               = DO(NOTHING, PARTING), /* the timer goes on */
	},
	[CUSTODY_LEAVING] = {
		[CUSTODY_VIP_HERE]           = DO(NOTHING, LEAVING),
		[CUSTODY_VIP_GONE]           = DO(HASTEN,  LEAVING),
		[CUSTODY_VIP_UNKNOWN]        = DO(NOTHING, LEAVING),
		[CUSTODY_KEEPALIVED_GONE]    = DO(HASTEN,  LEAVING),
		[CUSTODY_KEEPALIVED_BACK]    = DO(NOTHING, LEAVING),
		[CUSTODY_KEEPALIVED_NOWHERE] = DO(NOTHING, LEAVING),
		[CUSTODY_PROXY_READY]        = DO(NOTHING, LEAVING),
		[CUSTODY_PROXY_DIED]         = DO(LOOK,    PARTING),
		[CUSTODY_PROXY_SUPERSEDED]   = DO(LOOK,    PARTING),
		[CUSTODY_PROXY_REFUSED]      = DO(LOOK,    PARTING),
		[CUSTODY_TIMER]              = DO(KILL,    LEAVING),
		[CUSTODY_NUDGE]              = DO(NOTHING, LEAVING),
		[CUSTODY_DELETED]            = DO(NOTHING, LEAVING),
		[CUSTODY_STOP]               = DO(NOTHING, LEAVING),
	},
	[CUSTODY_PARTING] = {
		[CUSTODY_VIP_HERE]           = DO(END,     GONE),
		[CUSTODY_VIP_GONE]           = DO(END,     GONE),
		[CUSTODY_VIP_UNKNOWN]        = DO(END,     GONE),
		[CUSTODY_KEEPALIVED_GONE]    = DO(ORPHAN,  PARTING),
		[CUSTODY_KEEPALIVED_BACK]    = DO(END,     GONE),
		[CUSTODY_KEEPALIVED_NOWHERE] = DO(ABANDON, GONE),
		[CUSTODY_PROXY_READY]        = DO(NOTHING, PARTING),
		[CUSTODY_PROXY_DIED]         = DO(NOTHING, PARTING),
		[CUSTODY_PROXY_SUPERSEDED]   = DO(NOTHING, PARTING),
		[CUSTODY_PROXY_REFUSED]      = DO(NOTHING, PARTING),
		[CUSTODY_TIMER]              = DO(SEEK,    PARTING),
		[CUSTODY_NUDGE]              = DO(NOTHING, PARTING),
		[CUSTODY_DELETED]            = DO(NOTHING, PARTING),
		[CUSTODY_STOP]               = DO(NOTHING, PARTING),
	},
	[CUSTODY_GONE] = {
		[CUSTODY_VIP_HERE]           = DO(NOTHING, GONE),
		[CUSTODY_VIP_GONE]           = DO(NOTHING, GONE),
		[CUSTODY_VIP_UNKNOWN]        = DO(NOTHING, GONE),
		[CUSTODY_KEEPALIVED_GONE]    = DO(NOTHING, GONE),
		[CUSTODY_KEEPALIVED_BACK]    = DO(NOTHING, GONE),
		[CUSTODY_KEEPALIVED_NOWHERE] = DO(NOTHING, GONE),
		[CUSTODY_PROXY_READY]        = DO(NOTHING, GONE),
		[CUSTODY_PROXY_DIED]         = DO(NOTHING, GONE),
		[CUSTODY_PROXY_SUPERSEDED]   = DO(NOTHING, GONE),
		[CUSTODY_PROXY_REFUSED]      = DO(NOTHING, GONE),
		[CUSTODY_TIMER]              = DO(NOTHING, GONE),
		[CUSTODY_NUDGE]              = DO(NOTHING, GONE),
		[CUSTODY_DELETED]            = DO(NOTHING, GONE),
		[CUSTODY_STOP]               = DO(NOTHING, GONE),
	},
};
/* clang-format on */

struct custody_step
custody_step(enum custody_state state, enum custody_event event)
{
	return steps[state][event];
}

const char *
custody_state_name(enum custody_state state)
{
	static const char *const names[CUSTODY_STATES] = {
	    [CUSTODY_IDLE] = "idle",	   [CUSTODY_STARTING] = "starting",
	    [CUSTODY_SERVING] = "serving", [CUSTODY_ENDING] = "ending",
	    [CUSTODY_WAITING] = "waiting", [CUSTODY_ORPHANED] = "orphaned",
	    [CUSTODY_LEAVING] = "leaving", [CUSTODY_PARTING] = "parting",
	    [CUSTODY_GONE] = "gone",
	};

	return names[state];
}

const char *
custody_event_name(enum custody_event event)
{
	static const char *const names[CUSTODY_EVENTS] = {
	    [CUSTODY_VIP_HERE] = "the VIP is here",
	    [CUSTODY_VIP_GONE] = "the VIP is gone",
	    [CUSTODY_VIP_UNKNOWN] = "the kernel does not say where the VIP is",
	    [CUSTODY_KEEPALIVED_GONE] = "keepalived is gone",
	    [CUSTODY_KEEPALIVED_BACK] = "keepalived is there",
	    [CUSTODY_KEEPALIVED_NOWHERE] = "no keepalived is left",
	    [CUSTODY_PROXY_READY] = "the proxy listens",
	    [CUSTODY_PROXY_DIED] = "the proxy has ended",
	    [CUSTODY_PROXY_SUPERSEDED] = "another proxy has taken over the servers",
	    [CUSTODY_PROXY_REFUSED] = "the proxy refuses its configuration",
	    [CUSTODY_TIMER] = "time is up",
	    [CUSTODY_NUDGE] = "asked to try again",
	    [CUSTODY_DELETED] = "the instance was deleted",
	    [CUSTODY_STOP] = "told to stop",
	};

	return names[event];
}
