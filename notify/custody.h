/*
 * custody: what the custodian does when something happens, as one table: state x event -> action,
 * next state. No I/O, no clock.
 *
 * The table never remembers whether the VIP is here or keepalived alive. When a proxy has ended it
 * LOOKs again, and what is seen comes back as the next event.
 */
#ifndef MEMVIP_CUSTODY_H
#define MEMVIP_CUSTODY_H

enum custody_state {
	CUSTODY_IDLE,	  /* no proxy, none wanted: the VIP is not here, keepalived lives */
	CUSTODY_STARTING, /* the proxy runs, but has not said that it listens */
	CUSTODY_SERVING,  /* it listens */
	CUSTODY_ENDING,	  /* it was told to end, for the VIP or keepalived is gone */
	CUSTODY_WAITING,  /* it died while the VIP is here: to be started again after a pause */
	CUSTODY_ORPHANED, /* no proxy; keepalived is gone, whether for good is not known yet */
	CUSTODY_LEAVING,  /* the custodian was told to end, so the proxy was; it drains */
	CUSTODY_PARTING,  /* the proxy has ended; the custodian ends, but not before an orphan */
	CUSTODY_GONE	  /* it ends now */
};
#define CUSTODY_STATES (CUSTODY_GONE + 1)

enum custody_event {
	CUSTODY_VIP_HERE,	    /* and keepalived lives */
	CUSTODY_VIP_GONE,	    /* but keepalived lives */
	CUSTODY_VIP_UNKNOWN,	    /* keepalived lives; the kernel could not be asked, just now */
	CUSTODY_KEEPALIVED_GONE,    /* the process that was watched has ended */
	CUSTODY_KEEPALIVED_BACK,    /* there is one to watch, the same or another */
	CUSTODY_KEEPALIVED_NOWHERE, /* none runs in this network namespace (the answer to SEEK) */
	CUSTODY_PROXY_READY,
	CUSTODY_PROXY_DIED,	  /* it exited or was killed, also when that was asked for */
	CUSTODY_PROXY_SUPERSEDED, /* exit 75: another proxy has taken the servers over */
	CUSTODY_PROXY_REFUSED,	  /* exit 2: usage or configuration */
	CUSTODY_TIMER,		  /* the one timer, set by the last action */
	CUSTODY_NUDGE,		  /* reason to try again now: sync, or the port's holder is gone */
	CUSTODY_DELETED,	  /* keepalived no longer has the instance */
	CUSTODY_STOP		  /* SIGTERM, or memvip-notify stop */
};
#define CUSTODY_EVENTS (CUSTODY_STOP + 1)

/* NOTHING leaves the timer as it is; every other one sets it or, where it says nothing, stops it. */
enum custody_action {
	CUSTODY_UNSET, /* a hole in the table: the unit test finds it */
	CUSTODY_NOTHING,
	CUSTODY_LOOK,	 /* ask after keepalived and the VIP; the answer is the next event */
	CUSTODY_START,	 /* start the proxy; timer: it has to be ready by then */
	CUSTODY_SERVED,	 /* note that it listens; timer: it has lived long enough to be trusted */
	CUSTODY_TRUST,	 /* it has: earlier failures no longer count */
	CUSTODY_TERM,	 /* SIGTERM; timer: SIGKILL, very soon, the VIP may be elsewhere by now */
	CUSTODY_DRAIN,	 /* SIGTERM; timer: SIGKILL, after the proxy's own time to drain */
	CUSTODY_HASTEN,	 /* VIP or keepalived is gone while it drains; timer as after TERM */
	CUSTODY_KILL,	 /* SIGKILL; timer: again */
	CUSTODY_RETRY,	 /* timer: start again; at once first, later and later if it goes on */
	CUSTODY_PAUSE,	 /* timer: start again, when the other proxy has had its time */
	CUSTODY_SLOW,	 /* timer: start again; a wrong configuration seldom heals by itself */
	CUSTODY_FORGET,	 /* no more tries */
	CUSTODY_ORPHAN,	 /* timer: SEEK */
	CUSTODY_SEEK,	 /* does any keepalived run here? the answer is the next event */
	CUSTODY_ABANDON, /* take the orphaned VIP away, and end */
	CUSTODY_END	 /* nothing is left to do: end */
};
#define CUSTODY_ACTIONS (CUSTODY_END + 1)

struct custody_step {
	enum custody_action action;
	enum custody_state next;
};

/* What to do, and the state after it. Every state has an answer to every event. */
struct custody_step custody_step(enum custody_state state, enum custody_event event);

/* Words for the log and the state file: "serving", "the VIP is gone". */
const char *custody_state_name(enum custody_state state);
const char *custody_event_name(enum custody_event event);

#endif
