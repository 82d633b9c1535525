/* user: clients that know what they have asked. See user.h. */
#include "user.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "client.h"
#include "clock.h"
#include "net.h"
#include "proto_req.h"

#define KEYS_MAX  6 /* in one get of ours */
#define OWN_KEYS  2
#define OWNS	  4
#define MAYBE_MAX 8
/* Beyond it a user stops asking until it is answered. */
#define OUT_MAX (256u << 10)

time_t fuzz_time(time_t *out);

/* The kinds of answers. */
enum want_kind {
	WANT_NOTHING, /* noreply */
	WANT_VALUES,  /* VALUE blocks, then END */
	WANT_LINE,
	WANT_META,
	WANT_STATS,
	WANT_END /* of the connection */
};

/* What a write that is known to be done leaves. */
enum effect {
	NO_EFFECT,
	STORES,
	STORES_ONCE, /* on the leader alone: it goes with it */
	ADDS,
	REMOVES,
	RENEWS, /* an empty item, on the leader alone */
	MARKS,	/* what is there is on the leader alone from now on */
	COUNTS,
	SETS_COUNT
};

struct want {
	uint8_t kind;	/* enum want_kind */
	uint8_t effect; /* enum effect, on an own key */
	uint8_t own;	/* which one */
	uint8_t n_keys, at_key;
	uint8_t keys[KEYS_MAX];
	uint8_t cas_asked;
	const char *lines;	    /* WANT_LINE: what it may begin with, each ended by '|' */
	uint32_t serial;	    /* of the value that is written */
	uint64_t expires_s, sent_s; /* the former counts from the latter; 0: never */
	/* WANT_META: */
	char meta;	     /* the command's second letter */
	uint8_t key;	     /* the one it is about */
	uint8_t quiet;	     /* q: the usual answer does not come */
	uint8_t value;	     /* v */
	uint8_t key_asked;   /* k */
	uint8_t b;	     /* the key is in base64 */
	uint8_t makes;	     /* N: it may be made anew */
	uint8_t conditional; /* C */
	uint32_t opaque;     /* O; 0: none */
	int32_t delta;	     /* COUNTS: D, negative for M- */
	uint32_t initial;    /* COUNTS: J; SETS_COUNT: the number */
};

enum count_state { COUNT_UNKNOWN, COUNT_KNOWN, COUNT_NONE };

/* A key that this connection alone writes: what a read may find. A miss may always be. */
struct own {
	unsigned n;
	uint32_t serial[MAYBE_MAX];
	uint64_t expires_s[MAYBE_MAX]; /* 0: never */
	uint8_t any;		       /* it has lost count */
	uint8_t there;		       /* acknowledged, and nothing since that is in doubt */
	uint8_t count;		       /* enum count_state, of a key that is counted with */
	uint64_t number;	       /* what a read of it finds, unless it is lost */
};

static struct user {
	int fd; /* -1: not connected */
	uint8_t reads, raw, ended, rude;
	uint32_t piece;
	uint32_t life; /* how often it has connected: own keys are new then */
	struct bytes in, out;
	struct want *wants; /* a ring */
	unsigned first, n;
	struct own own[OWNS];
	uint64_t token; /* the last cas unique that it has seen */
	/* Among commands with q: errors, which do not say whose they are, and commands without an answer. */
	unsigned errors, hidden;
} users[USERS_MAX];

struct user_demands user_demands;

static uint32_t serial, opaque;

/* ---- keys and values ---- */

/*
 * Keys 0 and 1 are its own, 2 to 5 hold values that name their key, 6 and 7 numbers, 8 and 9 what
 * append makes of them. Those that follow are its own too, and for meta commands only: one that has
 * blanks in it, and one that it counts with.
 */
#define KEYS	  10
#define KEY_BLANK 10
#define KEY_COUNT 11
#define META_KEYS 12

/* Where it is in own[]; -1: it is everybody's. */
static int
own_of(unsigned key)
{
	return key < OWN_KEYS ? (int)key : key >= KEYS ? (int)(OWN_KEYS + key - KEYS) : -1;
}

static size_t
key_text(const struct user *u, unsigned key, char *out, size_t size)
{
	if (own_of(key) != -1)
		return (size_t)snprintf(out, size,
					key == KEY_BLANK ? "own %u %u %u" : "own_%u_%u_%u",
					(unsigned)(u - users), u->life, key);
	return (size_t)snprintf(out, size, "key_%u", key);
}

static void
value_text(const struct user *u, unsigned key, uint32_t number, size_t n, struct bytes *out)
{
	char name[64];
	size_t from = out->len;

	key_text(u, key, name, sizeof(name));
	bytes_printf(out, "%s=%u;", name, number);
	while (out->len - from < n)
		bytes_add(out, "................",
			  n - (out->len - from) < 16 ? n - (out->len - from) : 16);
}

/* The digits at *p, which end before end. Moves *p behind them. */
static uint64_t
digits(const char **p, const char *end)
{
	uint64_t v = 0;

	MUST(*p < end && **p >= '0' && **p <= '9');
	for (; *p < end && **p >= '0' && **p <= '9'; ++*p)
		v = v * 10 + (uint64_t)(**p - '0');
	return v;
}

static void
own_only(struct own *o, uint32_t number, uint64_t expires_s)
{
	o->n = 1;
	o->serial[0] = number;
	o->expires_s[0] = expires_s;
	o->any = 0;
	o->there = expires_s == 0;
}

static void
own_maybe(struct own *o, uint32_t number, uint64_t expires_s)
{
	o->there = 0;
	if (o->n == MAYBE_MAX) {
		o->any = 1;
		return;
	}
	o->serial[o->n] = number;
	o->expires_s[o->n++] = expires_s;
}

/* The write of w is done, or nobody knows (done: 0). */
static void
own_apply(struct user *u, const struct want *w, int done)
{
	struct own *o = &u->own[w->own];
	/* It may have been on its way for a while, and a time to live counts from where it arrives. */
	uint64_t expires_s =
	    w->expires_s == 0 ? 0 : w->expires_s + (uint64_t)fuzz_time(NULL) - w->sent_s;

	switch ((enum effect)w->effect) {
	case NO_EFFECT:
		break;
	case STORES:
	case STORES_ONCE:
	case ADDS:
	case RENEWS:
		if (done)
			own_only(o, w->serial, expires_s);
		else
			own_maybe(o, w->serial, expires_s);
		if (w->effect == STORES_ONCE || w->effect == RENEWS)
			o->there = 0;
		break;
	case REMOVES:
		if (done)
			o->n = o->any = 0;
		if (done && w->key == KEY_COUNT)
			o->count = COUNT_NONE;
		else if (w->key == KEY_COUNT)
			o->count = COUNT_UNKNOWN;
		o->there = 0;
		break;
	case MARKS:
		o->there = 0;
		break;
	case COUNTS:
	case SETS_COUNT:
		o->count = done ? COUNT_KNOWN : COUNT_UNKNOWN;
		o->number = w->initial; /* of COUNTS: see read_count() */
		break;
	}
}

static void
judge_value(struct user *u, unsigned key, const char *p, size_t n)
{
	char name[64];
	size_t len = key_text(u, key, name, sizeof(name));
	const struct own *o = &u->own[own_of(key) == -1 ? 0 : own_of(key)];
	uint64_t number = 0;
	const char *at = p + len + 1;

	if (!user_demands.true_values || (own_of(key) == -1 && key >= 6))
		return;
	if (key == KEY_COUNT) {
		MUST(o->count != COUNT_NONE);
		MUST(digits(&p, p + n) == o->number || o->count == COUNT_UNKNOWN);
		return;
	}
	/* An empty one is what mg with N leaves. */
	MUST(n == 0 || (n > len + 1 && memcmp(p, name, len) == 0 && p[len] == '='));
	if (own_of(key) == -1 || o->any)
		return;
	if (n > 0)
		number = digits(&at, p + n);
	for (unsigned i = 0; i < o->n; i++)
		/* A second to and fro is memcached's own. */
		if (o->serial[i] == number &&
		    (o->expires_s[i] == 0 || o->expires_s[i] + 2 > (uint64_t)fuzz_time(NULL)))
			return;
	NEVER("a value that was replaced, deleted or has expired");
}

/* A read with a write behind it may miss when its server is lost: see REPLICATION.md. */
static int
is_overtaken(const struct user *u, unsigned key)
{
	for (unsigned i = 1; i < u->n; i++) {
		const struct want *w = &u->wants[(u->first + i) % WANTS_MAX];
		if (w->effect != NO_EFFECT && w->own == own_of(key))
			return 1;
	}
	return 0;
}

static void
judge_miss(struct user *u, unsigned key)
{
	if (own_of(key) != -1 && user_demands.no_loss && !is_overtaken(u, key))
		MUST(!u->own[own_of(key)].there);
}

/* ---- what is asked ---- */

static struct want *
want_head(struct user *u)
{
	return &u->wants[u->first];
}

static struct want *
want_add(struct user *u, enum want_kind kind)
{
	struct want *w = &u->wants[(u->first + u->n++) % WANTS_MAX];

	*w = (struct want){.kind = (uint8_t)kind, .sent_s = (uint64_t)fuzz_time(NULL)};
	return w;
}

static void
want_drop(struct user *u)
{
	u->first = (u->first + 1) % WANTS_MAX;
	u->n--;
}

#define OR_ERROR "SERVER_ERROR |"

static void
ask_get(struct user *u, struct script *s, const char *verb, int exptime)
{
	unsigned what = script_byte(s), n = 1 + what % KEYS_MAX;
	struct want *w = want_add(u, WANT_VALUES);

	w->cas_asked = verb[strlen(verb) - 1] == 's';
	bytes_printf(&u->out, "%s", verb);
	if (verb[1] == 'a') /* gat */
		bytes_printf(&u->out, " %d", exptime);
	for (unsigned i = 0; i < n; i++) {
		unsigned key = (verb[1] == 'a' ? OWN_KEYS : 0) + script_byte(s);
		char name[64];

		key = verb[1] == 'a' ? OWN_KEYS + key % (KEYS - OWN_KEYS) : key % KEYS;
		key_text(u, key, name, sizeof(name));
		bytes_printf(&u->out, " %s", name);
		w->keys[w->n_keys++] = (uint8_t)key;
	}
	bytes_add(&u->out, "\r\n", 2);
}

/* Sizes around what is copied, referenced, refused. */
static size_t
size_of(unsigned what)
{
	static const size_t sizes[] = {20, 20, 20, 20, 300, 2040, 4090, 5000, 16000, 20000, 70000};
	size_t n = sizes[what % (sizeof(sizes) / sizeof(sizes[0]))];

	return n;
}

static const int32_t exptimes[] = {0, 0, 0, 0, CLOCK_START_S + 90 * 86400, 3, 1000, -1};

/* When the command is executed is not known to the second: late ones live longer. */
static uint64_t
expires_at(int32_t exptime)
{
	if (exptime > 0 && exptime <= PROTO_RELATIVE_MAX)
		return (uint64_t)exptime + (uint64_t)fuzz_time(NULL) + 30;
	return exptime < 0 ? 1 : (uint64_t)exptime;
}

/* What is stored under the key: more and size are the script's. */
static void
store_value(const struct user *u, unsigned key, unsigned more, unsigned size, struct bytes *out)
{
	if (key == 6 || key == 7 || key == KEY_COUNT)
		bytes_printf(out, "%u", more);
	else if (key == 8 || key == 9)
		bytes_printf(out, "%c", 'a' + more % 26);
	else
		value_text(u, key, ++serial, size_of(size), out);
}

static void
ask_store(struct user *u, struct script *s)
{
	static const char *const verbs[] = {"set",     "set", "set",	"add",
					    "replace", "cas", "append", "prepend"};
	unsigned what = script_byte(s), more = script_byte(s);
	const char *verb = verbs[what % 8];
	unsigned key = what / 8 % (KEYS - 2), noreply = more % 8 == 7;
	int32_t exptime = exptimes[more / 8 % 8];
	struct bytes value = {NULL, 0, 0};
	struct want *w;
	char name[64];

	if (verb[1] == 'p' || verb[0] == 'p') { /* append, prepend */
		if (strcmp(verb, "replace") != 0)
			key = 8 + key % 2;
	}
	key_text(u, key, name, sizeof(name));
	store_value(u, key, more, more / 64 + what / 64 * 3, &value);
	bytes_printf(&u->out, "%s %s %u %d %zu", verb, name, more, exptime, value.len);
	if (verb[0] == 'c')
		bytes_printf(&u->out, " %llu", (unsigned long long)u->token);
	bytes_printf(&u->out, "%s\r\n", noreply ? " noreply" : "");
	bytes_add(&u->out, value.p, value.len);
	bytes_add(&u->out, "\r\n", 2);
	w = want_add(u, noreply ? WANT_NOTHING : WANT_LINE);
	w->lines = verb[0] == 'c'   ? "STORED|EXISTS|NOT_FOUND|" OR_ERROR
		   : verb[0] == 's' ? "STORED|" OR_ERROR
				    : "STORED|NOT_STORED|" OR_ERROR;
	if (key < OWN_KEYS) {
		w->effect = value.len > user_demands.max_value ? REMOVES : STORES;
		w->own = (uint8_t)key;
		w->serial = serial;
		w->expires_s = expires_at(exptime);
	}
	bytes_free(&value);
}

static void
ask_line(struct user *u, struct script *s)
{
	unsigned what = script_byte(s), key = what / 16, noreply = what % 64 == 63;
	const char *tail = noreply ? " noreply\r\n" : "\r\n";
	struct want *w;
	char name[64];

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
		key = key % KEYS;
		key_text(u, key, name, sizeof(name));
		bytes_printf(&u->out, "delete %s%s", name, tail);
		w = want_add(u, noreply ? WANT_NOTHING : WANT_LINE);
		w->lines = "DELETED|NOT_FOUND|" OR_ERROR;
		if (key < OWN_KEYS) {
			w->effect = REMOVES;
			w->own = (uint8_t)key;
		}
		break;
	case 3:
	case 4:
		bytes_printf(&u->out, "%s key_%u %u%s", what % 16 == 3 ? "incr" : "decr",
			     6 + key % 2, key, tail);
		w = want_add(u, noreply ? WANT_NOTHING : WANT_LINE);
		w->lines = "0|1|2|3|4|5|6|7|8|9|NOT_FOUND|CLIENT_ERROR |" OR_ERROR;
		break;
	case 5:
		bytes_printf(&u->out, "touch key_%u %u%s", 2 + key % 8, key, tail);
		w = want_add(u, noreply ? WANT_NOTHING : WANT_LINE);
		w->lines = "TOUCHED|NOT_FOUND|" OR_ERROR;
		break;
	case 6:
		ask_get(u, s, "gat", 1000);
		break;
	case 7:
		ask_get(u, s, "gats", 0);
		break;
	case 8:
		bytes_printf(&u->out, "flush_all%s%s", key % 4 == 3 ? " 1" : "", tail);
		w = want_add(u, noreply ? WANT_NOTHING : WANT_LINE);
		w->lines = "OK|CLIENT_ERROR |" OR_ERROR;
		/* Everybody's keys go. */
		for (unsigned i = 0; i < USERS_MAX; i++)
			for (unsigned k = 0; k < OWNS; k++)
				users[i].own[k].there = 0;
		user_demands.no_loss = 0;
		break;
	case 9:
		bytes_printf(&u->out, "version\r\n");
		want_add(u, WANT_LINE)->lines = "VERSION |" OR_ERROR;
		break;
	case 10:
		bytes_printf(&u->out, "verbosity 1%s", tail);
		want_add(u, noreply ? WANT_NOTHING : WANT_LINE)->lines = "OK|";
		break;
	case 11:
		bytes_printf(&u->out, "stats%s\r\n",
			     key % 4 == 0   ? ""
			     : key % 4 == 1 ? " servers"
			     : key % 4 == 2 ? " reset"
					    : " ");
		want_add(u, WANT_STATS);
		break;
	case 12:
		bytes_printf(&u->out, "%s\r\n", key % 2 ? "nonsense" : "slabs reassign 1 2");
		want_add(u, WANT_LINE)->lines = "ERROR|CLIENT_ERROR |";
		break;
	case 13:
		bytes_printf(&u->out, "get __memvip__\r\n");
		want_add(u, WANT_LINE)->lines = "END|";
		break;
	case 14:
		if (key % 4 == 3) {
			bytes_printf(&u->out, "quit\r\n");
			want_add(u, WANT_END);
			break;
		}
		/* FALLTHROUGH */
	default:
		bytes_printf(&u->out, "mn\r\n");
		want_add(u, WANT_LINE)->lines = "MN|";
		break;
	}
}

/* ---- meta commands ---- */

/* Writes the key as it stands in the line of w. Returns its length. */
static size_t
meta_key_text(const struct user *u, const struct want *w, char *out)
{
	char name[64];
	size_t n = key_text(u, w->key, name, sizeof(name));

	if (w->b)
		return base64_encode(out, name, n);
	memcpy(out, name, n);
	return n;
}

static void
ask_meta_get(struct user *u, struct script *s, struct want *w)
{
	unsigned what = script_byte(s);

	if (what % 4 == 3 && w->key != KEY_COUNT) {
		w->makes = 1;
		bytes_printf(&u->out, " N%u", what & 4 ? 30 : 0);
		if (w->effect == RENEWS)
			w->expires_s = expires_at(what & 4 ? 30 : 0);
	} else {
		w->effect = NO_EFFECT;
		if (what % 4 == 2)
			bytes_printf(&u->out, " R%u", what & 4 ? 2000 : 2);
	}
	if (what / 8 % 4 == 3 && own_of(w->key) == -1)
		bytes_printf(&u->out, " T%d", what & 32 ? 1000 : what & 64 ? -1 : 0);
	w->value = what >= 128;
	bytes_printf(&u->out, "%s%s%s", w->value ? " v" : "", what & 8 ? " f" : "",
		     what & 16 ? " t" : "");
	w->lines = "HD|VA |EN|" OR_ERROR;
}

/* Returns the value that comes behind the line. */
static struct bytes
ask_meta_set(struct user *u, struct script *s, struct want *w)
{
	static const char modes[] = "SSSSSSERSSERSSSS";
	unsigned what = script_byte(s), more = script_byte(s);
	char mode = modes[what % 16];
	int32_t exptime = w->key == KEY_COUNT ? 0 : exptimes[more / 8 % 8];
	struct bytes value = {NULL, 0, 0};
	int invalidate = 0;

	store_value(u, w->key, more, more / 64 + what / 64 * 3, &value);
	if (w->key == 8 || w->key == 9)
		mode = what & 8 ? 'A' : 'P';
	bytes_printf(&u->out, " %zu F%u", value.len, more);
	if (exptime != 0 || what & 32)
		bytes_printf(&u->out, " T%d", exptime);
	if (w->key != KEY_COUNT && (mode != 'S' || what & 1))
		bytes_printf(&u->out, " M%c", mode);
	if (w->key != KEY_COUNT && more % 8 >= 6) {
		w->conditional = 1;
		bytes_printf(&u->out, " C%llu", (unsigned long long)u->token);
		invalidate = more % 8 == 7;
	}
	if (invalidate)
		bytes_printf(&u->out, " I");
	if (w->effect == STORES) {
		w->effect = value.len > user_demands.max_value ? REMOVES
			    : invalidate		       ? STORES_ONCE
							       : STORES;
		w->serial = serial;
		/* An older value may get the time of the one that it replaces. */
		w->expires_s = invalidate ? 0 : expires_at(exptime);
	}
	w->initial = more;
	w->lines = "HD|NS|EX|NF|" OR_ERROR;
	return value;
}

static void
ask_meta_delete(struct user *u, struct script *s, struct want *w)
{
	unsigned what = script_byte(s);

	if (what % 4 == 3) {
		w->conditional = 1;
		bytes_printf(&u->out, " C%llu", (unsigned long long)u->token);
	}
	if (what & 4) {
		if (w->effect != NO_EFFECT)
			w->effect = MARKS;
		bytes_printf(&u->out, " I");
		if (what & 8 && own_of(w->key) == -1)
			bytes_printf(&u->out, " T30");
	}
	w->lines = "HD|NF|EX|" OR_ERROR;
}

static void
ask_meta_count(struct user *u, struct script *s, struct want *w)
{
	static const char *const modes[] = {"", " MI", " MD", " M+", " M-", "", "", " MD"};
	unsigned what = script_byte(s), more = script_byte(s);
	const char *mode = modes[what % 8];

	w->delta = 1;
	if (what & 8) {
		w->delta = (int32_t)(more % 32);
		bytes_printf(&u->out, " D%u", more % 32);
	}
	if (mode[0] != '\0' && (mode[2] == 'D' || mode[2] == '-'))
		w->delta = -w->delta;
	bytes_printf(&u->out, "%s", mode);
	if (what & 16) {
		w->makes = 1;
		bytes_printf(&u->out, " N%u", what & 128 && w->key != KEY_COUNT ? 30 : 0);
		if (what & 32) {
			w->initial = more / 32;
			bytes_printf(&u->out, " J%u", w->initial);
		}
	}
	if (more == 255 && w->key != KEY_COUNT)
		bytes_printf(&u->out, " T1000");
	if (more / 32 == 6) {
		w->conditional = 1;
		bytes_printf(&u->out, " C%llu", (unsigned long long)u->token);
	}
	w->value = (what & 64) != 0;
	if (w->value)
		bytes_printf(&u->out, " v");
	w->lines = "HD|VA |NF|EX|NS|CLIENT_ERROR |" OR_ERROR;
}

static void
ask_meta_one(struct user *u, struct script *s, int quiet)
{
	unsigned what = script_byte(s), how = script_byte(s), key = how / 16;
	struct bytes value = {NULL, 0, 0};
	struct want *w = want_add(u, WANT_META);
	char name[BASE64_LEN(64)];
	size_t n;

	w->meta = "gggssdae"[what % 8];
	if (w->meta == 'e' && quiet)
		w->meta = 'g'; /* me knows no q */
	if (w->meta == 'a')
		key = key % 3 == 2 ? KEY_COUNT : 6 + key % 3;
	w->key = (uint8_t)(key % META_KEYS);
	if (w->meta == 'e' && w->key == KEY_BLANK)
		w->key = 0; /* me does not tell of it */
	w->b = (what & 8) != 0 || w->key == KEY_BLANK;
	w->quiet = quiet != 0;
	if (own_of(w->key) != -1) {
		w->own = (uint8_t)own_of(w->key);
		w->effect = w->meta == 'g'   ? RENEWS
			    : w->meta == 'd' ? REMOVES
			    : w->meta == 's' ? (w->key == KEY_COUNT ? SETS_COUNT : STORES)
			    : w->meta == 'a' ? COUNTS
					     : NO_EFFECT;
	}
	n = meta_key_text(u, w, name);
	bytes_printf(&u->out, "m%c %.*s", w->meta, (int)n, name);
	if (w->meta == 'g')
		ask_meta_get(u, s, w);
	else if (w->meta == 's')
		value = ask_meta_set(u, s, w);
	else if (w->meta == 'd')
		ask_meta_delete(u, s, w);
	else if (w->meta == 'a')
		ask_meta_count(u, s, w);
	else
		w->lines = "ME |EN|" OR_ERROR;
	bytes_printf(&u->out, "%s", w->b ? " b" : "");
	if (w->meta != 'e') {
		w->key_asked = how & 1;
		w->cas_asked = (how & 2) != 0 && w->meta != 'd';
		if (quiet || how & 4)
			w->opaque = ++opaque;
		bytes_printf(&u->out, "%s%s%s", w->key_asked ? " k" : "", w->cas_asked ? " c" : "",
			     quiet ? " q" : "");
		if (w->opaque != 0)
			bytes_printf(&u->out, " O%u", w->opaque);
	}
	bytes_add(&u->out, "\r\n", 2);
	if (w->meta == 's') {
		bytes_add(&u->out, value.p, value.len);
		bytes_add(&u->out, "\r\n", 2);
	}
	bytes_free(&value);
}

/* One; or up to three with q, behind which mn tells that they are over. */
static void
ask_meta(struct user *u, struct script *s, unsigned what)
{
	unsigned quiet = what % 4 == 3;

	for (unsigned n = quiet ? 1 + what / 4 % 3 : 1; n > 0; n--)
		ask_meta_one(u, s, quiet != 0);
	if (!quiet)
		return;
	bytes_printf(&u->out, "mn\r\n");
	want_add(u, WANT_LINE)->lines = "MN|";
}

void
user_command(unsigned i, struct script *s)
{
	struct user *u = &users[i % USERS_MAX];
	unsigned what = script_byte(s);

	if (u->fd == -1 || u->ended || u->raw || u->n >= WANTS_MAX - 4 || u->out.len > OUT_MAX)
		return;
	if (u->n > 0 && u->wants[(u->first + u->n - 1) % WANTS_MAX].kind == WANT_END)
		return;
	if (what >= 160)
		ask_meta(u, s, what);
	else if (what % 8 < 3)
		ask_get(u, s, what % 2 ? "get" : "gets", 0);
	else if (what % 8 < 6)
		ask_store(u, s);
	else
		ask_line(u, s);
}

void
user_raw(unsigned i, const void *p, size_t n)
{
	struct user *u = &users[i % USERS_MAX];

	if (u->fd == -1 || u->ended || u->out.len > OUT_MAX)
		return;
	u->raw = 1;
	bytes_add(&u->out, p, n);
}

/* ---- what is answered ---- */

/* The line at the head of what has come, without its end; NULL: not there yet. */
static const char *
line_of(struct user *u, size_t *len)
{
	const char *nl = u->in.len > 0 ? memchr(u->in.p, '\n', u->in.len) : NULL;

	if (nl == NULL)
		return NULL;
	MUST(nl > u->in.p && nl[-1] == '\r');
	*len = (size_t)(nl - u->in.p) - 1;
	for (size_t i = 0; i < *len; i++)
		MUST(u->in.p[i] != '\0' && u->in.p[i] != '\r');
	return u->in.p;
}

static int
begins(const char *p, size_t len, const char *text)
{
	return len >= strlen(text) && memcmp(p, text, strlen(text)) == 0;
}

static void
judge_error(const char *p, size_t len)
{
	/* Its own size is the client's business. */
	if (user_demands.no_error && begins(p, len, "SERVER_ERROR "))
		MUST(begins(p, len, "SERVER_ERROR object too large"));
}

/* VALUE or END or an error. Returns 1 when the answer is complete, 0 for more, -1: not there yet. */
static int
read_values(struct user *u, struct want *w)
{
	size_t len, key_len, total;
	const char *p = line_of(u, &len), *at;
	uint64_t bytes, cas = 0;

	if (p == NULL)
		return -1;
	if (!begins(p, len, "VALUE ")) {
		int end = len == 3 && memcmp(p, "END", 3) == 0;

		MUST(end || begins(p, len, "SERVER_ERROR ") || begins(p, len, "CLIENT_ERROR "));
		for (; end && w->at_key < w->n_keys; w->at_key++)
			judge_miss(u, w->keys[w->at_key]);
		if (!end)
			judge_error(p, len);
		bytes_take(&u->in, len + 2);
		return 1;
	}
	MUST((at = memchr(p + 6, ' ', len - 6)) != NULL);
	key_len = (size_t)(at - p) - 6;
	at++;
	digits(&at, p + len); /* flags */
	MUST(at < p + len && *at++ == ' ');
	bytes = digits(&at, p + len);
	if (w->cas_asked) {
		MUST(at < p + len && *at++ == ' ');
		cas = digits(&at, p + len);
	}
	MUST(at == p + len);
	total = len + 2 + bytes + 2;
	if (u->in.len < total)
		return -1;
	MUST(memcmp(p + total - 2, "\r\n", 2) == 0);
	/* It is one of those that were asked, in their order. */
	for (;; w->at_key++) {
		char name[64];

		MUST(w->at_key < w->n_keys);
		if (key_text(u, w->keys[w->at_key], name, sizeof(name)) == key_len &&
		    memcmp(name, p + 6, key_len) == 0)
			break;
		judge_miss(u, w->keys[w->at_key]);
	}
	judge_value(u, w->keys[w->at_key++], p + len + 2, bytes);
	if (w->cas_asked)
		u->token = cas;
	bytes_take(&u->in, total);
	return 0;
}

/* Does it begin with one of the texts, each ended by '|'? */
static int
fits(const char *lines, const char *p, size_t len)
{
	size_t n;

	for (const char *one = lines; *one != '\0'; one += n + 1) {
		n = strcspn(one, "|");
		if (len >= n && memcmp(p, one, n) == 0)
			return 1;
	}
	return 0;
}

static int
read_line(struct user *u, struct want *w)
{
	size_t len;
	const char *p = line_of(u, &len);

	if (p == NULL)
		return -1;
	if (fits(w->lines, p, len)) {
		if (begins(p, len, "SERVER_ERROR ")) {
			judge_error(p, len);
			own_apply(u, w, 0);
		} else if (w->effect == REMOVES || begins(p, len, "STORED")) {
			own_apply(u, w, 1);
		} else if (begins(p, len, "EXISTS")) {
			own_apply(u, w, 0); /* it may have been stored: see REPLICATION.md */
		}
		bytes_take(&u->in, len + 2);
		return 1;
	}
	fprintf(stderr, "wanted: %s\ncame:   %.*s\n", w->lines, (int)len, p);
	NEVER("an answer that does not fit its command");
}

/* The word of a meta answer's line that begins with the letter, behind it; NULL: there is none. */
static const char *
meta_word(const char *p, size_t len, char letter, size_t *n)
{
	for (size_t i = 2; i + 1 < len; i++) {
		if (p[i] != ' ' || p[i + 1] != letter)
			continue;
		for (*n = 0; i + 2 + *n < len && p[i + 2 + *n] != ' '; ++*n)
			;
		return p + i + 2;
	}
	return NULL;
}

static int
meta_has_word(const char *p, size_t len, char letter)
{
	size_t n;

	return meta_word(p, len, letter, &n) != NULL;
}

/* The line is the answer to w, as far as its O tells. */
static int
is_opaque_of(const struct want *w, const char *p, size_t len)
{
	char text[16];
	size_t n, want = (size_t)snprintf(text, sizeof(text), "%u", w->opaque);
	const char *at = meta_word(p, len, 'O', &n);

	return at != NULL && n == want && memcmp(at, text, n) == 0;
}

/* What the line tells beside its code is what was asked. */
static void
judge_words(struct user *u, const struct want *w, const char *p, size_t len)
{
	char name[BASE64_LEN(64)];
	size_t n, want = meta_key_text(u, w, name);
	const char *at;

	MUST(w->opaque != 0 ? is_opaque_of(w, p, len) : !meta_has_word(p, len, 'O'));
	at = meta_word(p, len, 'k', &n);
	MUST((at != NULL) == w->key_asked);
	MUST(at == NULL || (n == want && memcmp(at, name, n) == 0));
	if (!w->cas_asked || (p[0] != 'V' && p[0] != 'H'))
		return;
	MUST((at = meta_word(p, len, 'c', &n)) != NULL);
	u->token = digits(&at, p + len);
}

/*
 * Counting was done: with a number (of n digits) in the answer; or NULL: the number was not told, or
 * (hidden) nothing was, as q has it unless the number was made anew.
 */
static void
read_count(struct user *u, struct want *w, const char *p, size_t n, int hidden)
{
	struct own *o = &u->own[w->own];
	uint64_t less = w->delta < 0 ? (uint64_t)-w->delta : 0, next;
	int sure = user_demands.true_values, made = 0, known = o->count == COUNT_KNOWN;

	if (w->effect != COUNTS)
		return;
	next = w->delta >= 0	  ? o->number + (uint64_t)w->delta
	       : o->number > less ? o->number - less
				  : 0;
	if (p != NULL) {
		uint64_t told = digits(&p, p + n);

		made = w->makes && told == w->initial;
		MUST(!sure || o->count == COUNT_UNKNOWN || made || (known && told == next));
		next = told;
		known = 1;
	} else if (w->makes && !hidden && (w->quiet || o->count == COUNT_NONE)) {
		next = w->initial;
		known = made = 1;
	} else if (w->makes && !hidden) {
		known = 0; /* made anew, or counted on */
	}
	MUST(!sure || o->count != COUNT_NONE || made);
	o->count = known ? COUNT_KNOWN : COUNT_UNKNOWN;
	o->number = next;
}

/* What is known of a command that q has kept the answer of. */
static void
meta_hidden(struct user *u, struct want *w)
{
	int doubt = u->errors > 0; /* an error may have been its */

	MUST(w->quiet);
	u->hidden++;
	if (w->meta == 'a' && !doubt)
		read_count(u, w, NULL, 0, 1);
	else if (w->meta == 'g' && !doubt && !w->makes)
		judge_miss(u, w->key);
	else
		own_apply(u, w, w->meta != 'g' && !doubt);
}

/* Is it made anew by this mg, which is to fill it then? */
static int
is_made(const struct want *w, const char *p, size_t len)
{
	return w->makes && meta_has_word(p, len, 'W') && !meta_has_word(p, len, 'X');
}

/* An answer that is whole: a line of len bytes, and n bytes of a value. */
static void
meta_done(struct user *u, struct want *w, const char *p, size_t len, const char *value, size_t n)
{
	int hit = p[0] == 'H' || p[0] == 'V';

	MUST((p[0] == 'V') == (hit && w->value));
	judge_words(u, w, p, len);
	switch (w->meta) {
	case 'g':
		MUST(hit || !w->quiet);
		if (!hit && w->makes) {
			own_apply(u, w, 0); /* it was overtaken */
		} else if (!hit) {
			judge_miss(u, w->key);
		} else if (is_made(w, p, len)) {
			MUST(n == 0);
			judge_miss(u, w->key);
			own_apply(u, w, 1);
		} else if (w->value) {
			judge_value(u, w->key, value, n);
		}
		break;
	case 's':
		MUST(!hit || !w->quiet);
		if (hit)
			own_apply(u, w, 1);
		else if (p[0] == 'E')
			own_apply(u, w, 0); /* as for cas */
		break;
	case 'd':
		MUST(!hit || !w->quiet);
		own_apply(u, w, p[0] != 'E');
		break;
	case 'a':
		MUST(!hit || !w->quiet || w->makes);
		if (hit)
			read_count(u, w, value, n, 0);
		else if (w->effect == COUNTS && p[0] == 'N' && p[1] == 'F' && !w->conditional)
			u->own[w->own].count = COUNT_NONE;
		else
			own_apply(u, w, 0);
		break;
	default:
		break;
	}
}

/* Bytes of the answer with this line; *n: of its value. 0: not all there. */
static size_t
meta_size(const struct user *u, const char *p, size_t len, size_t *n)
{
	const char *at = p + 3;
	size_t total = len + 2;

	*n = 0;
	if (!begins(p, len, "VA "))
		return total;
	*n = digits(&at, p + len);
	total += *n + 2;
	if (u->in.len < total)
		return 0;
	MUST(memcmp(p + total - 2, "\r\n", 2) == 0);
	return total;
}

/* Returns as read_values(); 2: it has no answer. */
static int
read_meta(struct user *u, struct want *w)
{
	size_t len, n, total;
	const char *p = line_of(u, &len);
	int error, mixed_up;

	if (p == NULL || (total = meta_size(u, p, len, &n)) == 0)
		return -1;
	error = begins(p, len, "SERVER_ERROR ") || begins(p, len, "CLIENT_ERROR cannot increment");
	mixed_up = !user_demands.no_mixup && !begins(p, len, "MN");
	if (error || mixed_up) {
		judge_error(p, len);
		MUST(p[0] != 'C' || w->meta == 'a' || w->quiet || mixed_up);
		bytes_take(&u->in, total);
		if (w->quiet) { /* or one's behind it */
			u->errors++;
			return 0;
		}
		own_apply(u, w, 0);
		return 1;
	}
	if (w->quiet && !is_opaque_of(w, p, len)) {
		meta_hidden(u, w);
		return 2;
	}
	if (!fits(w->lines, p, len)) {
		fprintf(stderr, "wanted: %s\ncame:   %.*s\n", w->lines, (int)len, p);
		NEVER("an answer that does not fit its command");
	}
	if (w->meta != 'e')
		meta_done(u, w, p, len, p[0] == 'V' ? p + len + 2 : NULL, n);
	bytes_take(&u->in, total);
	return 1;
}

static int
read_stats(struct user *u)
{
	size_t len;
	const char *p = line_of(u, &len);

	if (p == NULL)
		return -1;
	if (begins(p, len, "STAT ")) {
		bytes_take(&u->in, len + 2);
		return 0;
	}
	MUST(begins(p, len, "END") || begins(p, len, "RESET") || begins(p, len, "CLIENT_ERROR "));
	bytes_take(&u->in, len + 2);
	return 1;
}

/* Takes what answers the oldest command. Returns 0 when it is not all there. */
static int
read_answer(struct user *u)
{
	struct want *w = want_head(u);
	int rc = -1;

	switch ((enum want_kind)w->kind) {
	case WANT_NOTHING:
		own_apply(u, w, 0);
		rc = 1;
		break;
	case WANT_VALUES:
		rc = read_values(u, w);
		break;
	case WANT_LINE:
		rc = read_line(u, w);
		break;
	case WANT_META:
		rc = read_meta(u, w);
		break;
	case WANT_STATS:
		rc = read_stats(u);
		break;
	case WANT_END:
		MUST(u->in.len == 0);
		break;
	}
	if (rc == 1) { /* each error was somebody's */
		MUST(u->errors <= u->hidden);
		u->errors = u->hidden = 0;
	}
	if (rc >= 1)
		want_drop(u);
	return rc >= 0;
}

/* What nobody knows the question of still is made of answers. Returns 0: not all there. */
static int
read_raw(struct user *u)
{
	static const char *const words[] = {"STORED",
					    "NOT_STORED",
					    "EXISTS",
					    "NOT_FOUND",
					    "DELETED",
					    "TOUCHED",
					    "END",
					    "OK",
					    "RESET",
					    "MN",
					    "HD",
					    "EN",
					    "NS",
					    "EX",
					    "NF",
					    "ME",
					    "VALUE ",
					    "VA ",
					    "STAT ",
					    "VERSION ",
					    "ERROR",
					    "CLIENT_ERROR ",
					    "SERVER_ERROR ",
					    "0",
					    "1",
					    "2",
					    "3",
					    "4",
					    "5",
					    "6",
					    "7",
					    "8",
					    "9"};
	size_t len, total;
	const char *p = line_of(u, &len), *at;
	uint64_t bytes;
	int known = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		known |= begins(p, len, words[i]);
	MUST(known);
	total = len + 2;
	if (begins(p, len, "VALUE ") || begins(p, len, "VA ")) {
		at = p + 3;
		if (p[2] == 'L') {
			MUST((at = memchr(p + 6, ' ', len - 6)) != NULL);
			at++;
			digits(&at, p + len);
			MUST(at < p + len && *at++ == ' ');
		}
		bytes = digits(&at, p + len);
		total += bytes + 2;
		if (u->in.len < total)
			return 0;
		MUST(memcmp(p + total - 2, "\r\n", 2) == 0);
	}
	bytes_take(&u->in, total);
	return 1;
}

static void
hang_up(struct user *u)
{
	if (u->fd != -1)
		close(u->fd);
	u->fd = -1;
	u->n = u->first = 0;
	bytes_free(&u->in);
	bytes_free(&u->out);
}

/* The proxy has ended the connection. */
static void
on_end(struct user *u)
{
	int asked_for_it =
	    u->raw || u->ended || u->rude || (u->n > 0 && want_head(u)->kind == WANT_END);

	if (user_demands.no_break)
		MUST(asked_for_it);
	hang_up(u);
}

int
user_read_all(void)
{
	int did = 0;

	for (struct user *u = users; u < users + USERS_MAX; u++) {
		size_t had = u->in.len;
		int open;

		if (u->fd == -1 || !u->reads)
			continue;
		open = bytes_read(&u->in, u->fd);
		did |= u->in.len != had;
		while (!u->raw && u->n > 0 && read_answer(u))
			;
		if (u->raw)
			while (read_raw(u))
				;
		else
			MUST(u->in.len == 0 || u->n > 0); /* an answer too many */
		if (!open) {
			on_end(u);
			did = 1;
		}
	}
	return did;
}

int
user_send_all(void)
{
	int did = 0;

	for (struct user *u = users; u < users + USERS_MAX; u++) {
		size_t had = u->out.len;

		if (u->fd == -1 || had == 0)
			continue;
		if (bytes_write(&u->out, u->fd, u->piece != 0 ? u->piece : SIZE_MAX) == -1)
			u->out.len = 0; /* reading will tell */
		did |= u->out.len != had;
	}
	return did;
}

/* ---- manners ---- */

void
user_connect(unsigned i)
{
	struct user *u = &users[i % USERS_MAX];
	int proxys;

	if (u->fd != -1)
		return;
	if (u->wants == NULL && (u->wants = calloc(WANTS_MAX, sizeof(*u->wants))) == NULL)
		abort();
	u->life++;
	u->reads = 1;
	u->raw = u->ended = u->rude = 0;
	u->piece = 0;
	u->token = 0;
	u->errors = u->hidden = 0;
	memset(u->own, 0, sizeof(u->own));
	net_pair(&u->fd, &proxys);
	client_accept(proxys);
}

void
user_close(unsigned i)
{
	hang_up(&users[i % USERS_MAX]);
}

void
user_half_close(unsigned i)
{
	struct user *u = &users[i % USERS_MAX];

	if (u->fd == -1 || u->out.len > 0)
		return;
	u->ended = 1;
	shutdown(u->fd, SHUT_WR);
}

void
user_read_on(unsigned i, int on)
{
	struct user *u = &users[i % USERS_MAX];

	u->reads = on != 0;
	if (!on)
		u->rude = 1;
}

void
user_piece(unsigned i, uint32_t n)
{
	users[i % USERS_MAX].piece = n;
}

void
user_behave(void)
{
	for (struct user *u = users; u < users + USERS_MAX; u++) {
		u->reads = 1;
		u->piece = 0;
	}
}

unsigned
user_unanswered(void)
{
	unsigned n = 0;

	for (const struct user *u = users; u < users + USERS_MAX; u++)
		if (u->fd != -1 && !u->raw)
			n += u->n;
	return n;
}

void
user_reset(void)
{
	for (struct user *u = users; u < users + USERS_MAX; u++) {
		hang_up(u);
		free(u->wants);
		memset(u, 0, sizeof(*u));
		u->fd = -1;
	}
	serial = opaque = 0;
}
