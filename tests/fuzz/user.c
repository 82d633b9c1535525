/* user: clients that know what they have asked. See user.h. */
#include "user.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"
#include "net.h"
#include "proto_req.h"

#define KEYS_MAX  6 /* in one get of ours */
#define OWN_KEYS  2
#define MAYBE_MAX 8
/* Beyond it a user stops asking until it is answered. */
#define OUT_MAX (256u << 10)

time_t fuzz_time(time_t *out);

/* The kinds of answers. */
enum want_kind {
	WANT_NOTHING, /* noreply */
	WANT_VALUES,  /* VALUE blocks, then END */
	WANT_LINE,
	WANT_STATS,
	WANT_END /* of the connection */
};

/* What a write that is known to be done leaves. */
enum effect { NO_EFFECT, STORES, ADDS, REMOVES };

struct want {
	uint8_t kind;	/* enum want_kind */
	uint8_t effect; /* enum effect, on an own key */
	uint8_t own;	/* which one */
	uint8_t n_keys, at_key;
	uint8_t keys[KEYS_MAX];
	uint8_t cas_asked;
	const char *lines; /* WANT_LINE: what it may begin with, each ended by '|' */
	uint32_t serial;   /* of the value that is written */
	uint64_t expires_s;
};

/* A key that this connection alone writes: what a read may find. A miss may always be. */
struct own {
	unsigned n;
	uint32_t serial[MAYBE_MAX];
	uint64_t expires_s[MAYBE_MAX]; /* 0: never */
	uint8_t any;		       /* it has lost count */
	uint8_t there;		       /* acknowledged, and nothing since that is in doubt */
};

static struct user {
	int fd; /* -1: not connected */
	uint8_t reads, raw, ended, rude;
	uint32_t piece;
	uint32_t life; /* how often it has connected: own keys are new then */
	struct bytes in, out;
	struct want *wants; /* a ring */
	unsigned first, n;
	struct own own[OWN_KEYS];
	uint64_t token; /* the last cas unique that it has seen */
} users[USERS_MAX];

struct user_demands user_demands;

static uint32_t serial;

/* ---- keys and values ---- */

/*
 * Keys 0 and 1 are its own, 2 to 5 hold values that name their key, 6 and 7 numbers, 8 and 9 what
 * append makes of them.
 */
#define KEYS 10

static size_t
key_text(const struct user *u, unsigned key, char *out, size_t size)
{
	if (key < OWN_KEYS)
		return (size_t)snprintf(out, size, "own_%u_%u_%u", (unsigned)(u - users), u->life,
					key);
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

	switch ((enum effect)w->effect) {
	case NO_EFFECT:
		break;
	case STORES:
	case ADDS:
		if (done)
			own_only(o, w->serial, w->expires_s);
		else
			own_maybe(o, w->serial, w->expires_s);
		break;
	case REMOVES:
		if (done)
			o->n = o->any = 0;
		o->there = 0;
		break;
	}
}

static void
judge_value(struct user *u, unsigned key, const char *p, size_t n)
{
	char name[64];
	size_t len = key_text(u, key, name, sizeof(name));
	const struct own *o = &u->own[key % OWN_KEYS];
	uint64_t number;
	const char *at = p + len + 1;

	if (!user_demands.true_values || key >= 6)
		return;
	MUST(n > len + 1 && memcmp(p, name, len) == 0 && p[len] == '=');
	if (key >= OWN_KEYS || o->any)
		return;
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
		if (w->effect != NO_EFFECT && w->own == key)
			return 1;
	}
	return 0;
}

static void
judge_miss(struct user *u, unsigned key)
{
	if (key < OWN_KEYS && user_demands.no_loss && !is_overtaken(u, key))
		MUST(!u->own[key].there);
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

	*w = (struct want){.kind = (uint8_t)kind};
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

static void
ask_store(struct user *u, struct script *s)
{
	static const char *const verbs[] = {"set",     "set", "set",	"add",
					    "replace", "cas", "append", "prepend"};
	static const int32_t exptimes[] = {0, 0, 0, 0, CLOCK_START_S + 90 * 86400, 3, 1000, -1};
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
	if (key == 6 || key == 7)
		bytes_printf(&value, "%u", more);
	else if (key >= 8)
		bytes_printf(&value, "%c", 'a' + more % 26);
	else
		value_text(u, key, ++serial, size_of(more / 64 + what / 64 * 3), &value);
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
		w->expires_s = exptime < 0 ? 1 : (uint64_t)exptime;
		/* When the command is executed is not known to the second: late ones live longer. */
		if (exptime > 0 && exptime <= PROTO_RELATIVE_MAX)
			w->expires_s += (uint64_t)fuzz_time(NULL) + 30;
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
			for (unsigned k = 0; k < OWN_KEYS; k++)
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

void
user_command(unsigned i, struct script *s)
{
	struct user *u = &users[i % USERS_MAX];
	unsigned what = script_byte(s);

	if (u->fd == -1 || u->ended || u->raw || u->n >= WANTS_MAX - 1 || u->out.len > OUT_MAX)
		return;
	if (u->n > 0 && u->wants[(u->first + u->n - 1) % WANTS_MAX].kind == WANT_END)
		return;
	if (what % 8 < 3)
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

static int
read_line(struct user *u, struct want *w)
{
	size_t len, n;
	const char *p = line_of(u, &len);

	if (p == NULL)
		return -1;
	for (const char *one = w->lines; *one != '\0'; one += n + 1) {
		n = strcspn(one, "|");
		if (len < n || memcmp(p, one, n) != 0)
			continue;
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
	case WANT_STATS:
		rc = read_stats(u);
		break;
	case WANT_END:
		MUST(u->in.len == 0);
		break;
	}
	if (rc == 1)
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
	serial = 0;
}
