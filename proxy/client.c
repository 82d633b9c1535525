/* client: a session. See client.h. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "budget.h"
#include "flush.h"
#include "io.h"
#include "log.h"
#include "marker.h"
#include "report.h"
#include "req.h"
#include "req_read.h"
#include "spare.h"
#include "stats.h"
#include "submit.h"
#include "timer.h"

/* The first byte of a binary protocol request (protocol_binary.h, PROTOCOL_BINARY_REQ). */
#define BINARY_MAGIC 0x80
/* Past --timeout: by then a memcached that stood still is out, and what waited for it is gone. */
#define PATIENCE_MS 1000
/* When memory is short little is read of what may have to be kept. */
#define FRUGAL_READ BLOB_SMALL

/* Why a value was not taken. */
enum refusal { REFUSED_SILENTLY, REFUSED_TOO_LARGE, REFUSED_NO_MEMORY };

struct client {
	struct io io;
	struct req_queue queue;
	LIST_ENTRY(client) link;
	uint32_t begun;	  /* bytes of memory taken for a value or a line that is coming */
	uint32_t swallow; /* bytes of a body that was refused */
	uint32_t list_at; /* a get line that is being worked off: how far, from its first byte */
	uint8_t refused;  /* what to say when the body was swallowed: enum refusal */
	uint8_t partial;  /* the rest of its command is waited for, and not by its fault alone */
	uint8_t listing;  /* list_at counts */
	uint8_t stalled;  /* its input waits for room in the queue or the output */
	uint8_t gated;	  /* its input waits for the gate */
	uint8_t closing;  /* nothing more is taken from it; closed when it has its answers */
	uint8_t gone;
	uint64_t counted;      /* bytes written that the statistics have */
	struct proto_req list; /* the get line */
};

static const struct conf *conf;
static struct farm *farm;
static struct gate *gate;
/* None is kept: they are many, and all go one day. */
static struct spare spares = {.what = "a client", .size = sizeof(struct client)};
static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static int draining;
static struct proto_meta meta; /* the one that is being looked at */

static void client_event(struct io *io, enum io_event ev);
static size_t client_data(struct io *io, const struct io_window *w);
static void client_gone(struct io *io);

static struct io_ops client_io_ops = {
    .event = client_event, .data = client_data, .gone = client_gone};

static struct client *
client_of(struct io *io)
{
	return (struct client *)((char *)io - offsetof(struct client, io));
}

void
client_init(const struct conf *c, struct farm *f, struct gate *g)
{
	conf = c;
	farm = f;
	gate = g;
	budget_init(c->max_memory, c->timeout_ms + PATIENCE_MS);
}

void
client_changed(void)
{
	budget_change(conf->max_memory, conf->timeout_ms + PATIENCE_MS);
}

static void
client_count_output(struct client *c)
{
	stats.bytes_written += c->io.bytes_out - c->counted;
	c->counted = c->io.bytes_out;
}

/* What was coming, a value or a long line, is whole or given up. */
static void
client_end_coming(struct client *c)
{
	if (c->begun == 0)
		return;
	budget_end(c, c->begun);
	c->begun = 0;
}

static void
client_close(struct client *c)
{
	if (c->gone)
		return;
	c->gone = 1;
	client_count_output(c);
	client_end_coming(c);
	req_queue_abandon(&c->queue);
	LIST_REMOVE(c, link);
	stats_now.curr_connections--;
	io_close(&c->io);
}

static void
client_gone(struct io *io)
{
	spare_give(&spares, client_of(io));
}

/* Is there nothing left to say, and nothing more to come? */
static void
client_check_end(struct client *c)
{
	if (c->closing && c->queue.n == 0 && buf_empty(io_out(&c->io)))
		client_close(c);
}

static int
client_has_room(const struct client *c)
{
	return c->queue.n < req_window(CLIENT_HIGH) && c->queue.bytes < CLIENT_HIGH &&
	       c->io.out.len < CLIENT_HIGH;
}

/* Stalled before: is it worth another try? */
static int
client_may_go_on(const struct client *c)
{
	return c->stalled && !draining && client_has_room(c) && !budget_is_tight();
}

/* Values cost memory; whoever asks how we are is answered also when there is little. */
static int
is_costly(enum req_cmd cmd)
{
	switch (cmd) {
	case REQ_DELETE:
	case REQ_INCR:
	case REQ_DECR:
	case REQ_TOUCH:
	case REQ_VERSION:
	case REQ_VERBOSITY:
	case REQ_STATS:
	case REQ_MN:
	case REQ_QUIT:
	case REQ_ERROR:
		return 0;
	default:
		return 1;
	}
}

/* The queue has become shorter, or answers were added. */
static void
client_progress(struct req_queue *q)
{
	struct client *c = (struct client *)((char *)q - offsetof(struct client, queue));

	if (!buf_empty(io_out(&c->io)))
		io_dirty(&c->io);
	if (client_may_go_on(c)) {
		c->stalled = 0;
		io_resume(&c->io);
	} else if (c->closing && q->n == 0) {
		io_dirty(&c->io); /* at the end of the turn we look whether it can go */
	}
}

void
client_accept(int fd)
{
	struct client *c = spare_take(&spares);

	memset(c, 0, sizeof(*c));
	io_setup(&c->io, &client_io_ops);
	req_queue_setup(&c->queue, io_out(&c->io), client_progress);
	io_open(&c->io, fd);
	LIST_INSERT_HEAD(&clients, c, link);
	stats_now.curr_connections++;
	stats.total_connections++;
}

static void
client_event(struct io *io, enum io_event ev)
{
	struct client *c = client_of(io);

	switch (ev) {
	case IO_CONNECTED:
		break;
	case IO_WROTE:
		client_count_output(c);
		if (client_may_go_on(c)) {
			c->stalled = 0;
			io_resume(io);
		}
		client_check_end(c);
		break;
	case IO_EOF:
		/* What came before is answered, as memcached does; input that waits comes first. */
		if (!c->stalled && !c->gated)
			c->closing = 1;
		client_check_end(c);
		break;
	case IO_ERROR:
		if (errno != ECONNRESET && errno != EPIPE)
			log_debug("client: %s", strerror(errno));
		client_close(c);
		break;
	}
}

static void
client_say(struct client *c, const char *text)
{
	req_submit_text(&c->queue, text, strlen(text));
}

/* ---- commands ---- */

/*
 * Works off a get line from list_at. Returns 1 when it is done, 0 when there is no room for more.
 */
static int
client_list(struct client *c, const char *line)
{
	struct proto_req *p = &c->list;
	while (p->n_keys > 0) {
		if (!client_has_room(c) || budget_is_tight()) {
			c->listing = 1;
			return 0;
		}
		c->list_at = submit_keys(&c->queue, p, line, c->list_at,
					 req_window(CLIENT_HIGH) - c->queue.n);
	}
	c->listing = 0;
	return 1;
}

static int
client_retrieval(struct client *c, const struct proto_req *p, const char *line)
{
	if (p->n_keys == 0) { /* "gat 10": memcached finds nothing in no keys */
		client_say(c, "END\r\n");
		return 1;
	}
	if (p->n_keys == 1) {
		uint32_t at = p->key, key = at, len = p->key_len;
		if (!p->tidy)
			len = proto_req_next_key(line, &at, p->key + p->key_len, &key);
		submit_get(&c->queue, p->cmd, p->exptime, line + key, len, 1);
		return 1;
	}
	c->list = *p;
	c->list_at = p->key;
	return client_list(c, line);
}

/* The value is not taken: nothing of it is kept, and an old one must not stay. */
static void
client_refuse_body(struct client *c, const struct proto_req *p, const char *line, enum refusal why)
{
	const char *key = p->cmd == REQ_META ? meta.key : line + p->key;
	size_t len = p->cmd == REQ_META ? meta.key_len : p->key_len;

	if ((p->cmd == REQ_SET || p->cmd == REQ_META) && !marker_is_key(key, len))
		submit_silent_delete(&c->queue, key, len);
	c->swallow = p->body_len + 2;
	c->refused = (uint8_t)(p->noreply ? REFUSED_SILENTLY : why);
	client_end_coming(c);
}

/* All of it has come, and gone. memcached's own words. */
static void
client_say_refused(struct client *c)
{
	if (c->refused == REFUSED_TOO_LARGE)
		client_say(c, "SERVER_ERROR object too large for cache\r\n");
	else if (c->refused == REFUSED_NO_MEMORY)
		client_say(c, "SERVER_ERROR out of memory storing object\r\n");
}

/* For want of memory. Whoever comes next is not to bring more than it has to. */
static void
client_stall(struct client *c)
{
	c->stalled = 1;
	client_io_ops.read_max = FRUGAL_READ;
}

/*
 * A line that is not whole in n bytes. Returns how many are done with: all, when there is no room for
 * such a line.
 */
static size_t
client_await_line(struct client *c, size_t n)
{
	size_t step = 2 * n; /* as the window grows */

	if (n < BUDGET_FIRST / 2 || n < c->begun)
		return 0;
	switch (budget_take(c, c->begun, step, step)) {
	case BUDGET_NOW:
		c->begun = (uint32_t)step;
		return 0;
	case BUDGET_LATER:
		client_stall(c);
		return 0;
	case BUDGET_NEVER:
		break;
	}
	log_debug("client: no room for a line of more than %zu bytes; closed", n);
	c->closing = 1;
	return n;
}

/*
 * A command of total bytes, n of which are there. Returns 1 when the rest is to be waited for, 0 when
 * it was refused.
 */
static int
client_await_body(struct client *c, const struct proto_req *p, const char *line, size_t n,
		  size_t total)
{
	size_t step = n < BUDGET_FIRST / 4 ? BUDGET_FIRST : 4 * n;

	if (step > total)
		step = total;
	switch (budget_take(c, c->begun, step, total)) {
	case BUDGET_NOW:
		c->begun = (uint32_t)step;
		io_need(&c->io, step);
		return 1;
	case BUDGET_LATER:
		client_stall(c);
		return 1;
	case BUDGET_NEVER:
		break;
	}
	client_refuse_body(c, p, line, REFUSED_NO_MEMORY);
	return 0;
}

static void
client_error(struct client *c, const struct proto_req *p)
{
	char text[128];
	size_t n = strlen(p->error);

	if (p->noreply)
		return;
	memcpy(text, p->error, n);
	memcpy(text + n, "\r\n", 2);
	req_submit_text(&c->queue, text, n + 2);
}

/* The line is no command, and what follows may be no line. Returns the bytes that are done with. */
static size_t
client_meta_error(struct client *c, struct proto_req *p)
{
	p->error = meta.error;
	client_error(c, p);
	c->swallow = meta.swallow;
	c->refused = REFUSED_SILENTLY;
	client_end_coming(c);
	return p->line_len;
}

/* Our own items are refused to clients. */
static void
client_reserved(struct client *c, const struct proto_req *p)
{
	if (!p->noreply)
		client_say(c, REQ_RESERVED);
}

/* Commands without a data block. Returns 1 when the line is done with. */
static int
client_command(struct client *c, const struct proto_req *p, const char *line)
{
	char text[64];
	const char *version;

	switch (p->cmd) {
	case REQ_GET:
	case REQ_GETS:
	case REQ_GAT:
	case REQ_GATS:
		return client_retrieval(c, p, line);
	case REQ_DELETE:
	case REQ_INCR:
	case REQ_DECR:
	case REQ_TOUCH:
		if (marker_is_key(line + p->key, p->key_len)) {
			client_reserved(c, p);
			break;
		}
		submit_command(&c->queue, p, line, NULL, NULL);
		break;
	case REQ_FLUSH_ALL:
		if (conf->no_flush) {
			if (!p->noreply)
				client_say(c, "CLIENT_ERROR flush_all not allowed\r\n");
			break;
		}
		flush_request(&c->queue, p->exptime, p->noreply);
		break;
	case REQ_VERSION:
		version = farm_version(farm);
		if (version == NULL) {
			client_say(c, "SERVER_ERROR no server available\r\n");
			break;
		}
		snprintf(text, sizeof(text), "VERSION %s\r\n", version);
		client_say(c, text);
		break;
	case REQ_VERBOSITY:
		if (!p->noreply)
			client_say(c, "OK\r\n"); /* the servers' verbosity is their own */
		break;
	case REQ_STATS: {
		struct buf out = {NULL, NULL, 0};
		report_stats(&out, farm, line + p->arg, p->arg_len);
		req_submit_buf(&c->queue, &out);
		break;
	}
	case REQ_MN:
		client_say(c, "MN\r\n");
		break;
	case REQ_QUIT:
		c->closing = 1;
		break;
	case REQ_META:
		submit_meta(&c->queue, &meta, NULL, NULL);
		break;
	case REQ_ERROR:
		client_error(c, p);
		break;
	default: /* those with a data block are not for here */
		break;
	}
	return 1;
}

/* ---- input ---- */

/*
 * One command from the n bytes at p. Returns the bytes that are done with; 0: more is needed, or
 * c->stalled.
 */
static size_t
client_one(struct client *c, const char *p, size_t n, struct blob *blob)
{
	struct proto_req r;
	size_t total;
	int has_body;

	if (c->listing) {
		if (!client_list(c, p)) {
			c->stalled = 1;
			return 0;
		}
		return c->list.line_len;
	}
	if ((unsigned char)p[0] == BINARY_MAGIC) {
		client_say(c, "CLIENT_ERROR the binary protocol is not supported\r\n");
		c->closing = 1;
		return n;
	}
	switch (proto_req_parse(p, n, &r)) {
	case PROTO_AGAIN:
		return client_await_line(c, n);
	case PROTO_BAD:
		log_debug("client: no line in %zu bytes; closed", n);
		c->closing = 1;
		return n;
	case PROTO_OK:
		break;
	}
	if (r.cmd == REQ_META) {
		proto_meta_parse(p, r.line_len, &meta);
		if (meta.error != NULL)
			return client_meta_error(c, &r);
		has_body = meta.flags.cmd == META_SET;
		r.body_len = meta.flags.body_len;
	} else {
		has_body = req_cmd_has_body(r.cmd);
	}
	total = r.line_len;
	if (has_body) {
		if (r.body_len > conf->max_value) {
			client_refuse_body(c, &r, p, REFUSED_TOO_LARGE);
			return r.line_len;
		}
		total += (size_t)r.body_len + 2;
	}
	if (budget_is_tight() && is_costly(r.cmd) && (n >= total || c->begun == 0)) {
		client_stall(c);
		return 0;
	}
	if (n < total)
		return client_await_body(c, &r, p, n, total) ? 0 : r.line_len;
	client_end_coming(c);
	if (!has_body) {
		if (!client_command(c, &r, p)) {
			c->stalled = 1;
			return 0;
		}
		return total;
	}
	if (p[total - 2] != '\r' || p[total - 1] != '\n') {
		if (!r.noreply)
			client_say(c, "CLIENT_ERROR bad data chunk\r\n");
	} else if (r.cmd == REQ_META) {
		submit_meta(&c->queue, &meta, blob, p + r.line_len);
	} else if (marker_is_key(p + r.key, r.key_len)) {
		client_reserved(c, &r);
	} else {
		submit_command(&c->queue, &r, p, blob, p + r.line_len);
	}
	return total;
}

static size_t
client_work(struct client *c, const struct io_window *w)
{
	struct io *io = &c->io;
	size_t at = 0, n;

	c->partial = 0;
	while (at < w->len && !c->closing) {
		if (c->swallow > 0) {
			n = w->len - at < c->swallow ? w->len - at : c->swallow;
			c->swallow -= (uint32_t)n;
			at += n;
			if (c->swallow == 0)
				client_say_refused(c);
			continue;
		}
		if (!gate_is_open(gate)) {
			c->gated = 1;
			io_pause(io);
			return at;
		}
		if (!c->begun && !client_has_room(c)) {
			c->stalled = 1;
			io_pause(io);
			return at;
		}
		n = client_one(c, w->p + at, w->len - at, w->blob);
		if (n == 0) {
			if (c->stalled)
				io_pause(io);
			c->partial = !c->stalled;
			break;
		}
		at += n;
	}
	if (c->closing) {
		io_pause(io);
		io_dirty(io); /* there may be nothing to wait for */
		return w->len;
	}
	if (io->eof && !c->stalled) { /* a part of a command that never comes */
		c->closing = 1;
		io_dirty(io);
	}
	return at;
}

static size_t
client_data(struct io *io, const struct io_window *w)
{
	size_t n = client_work(client_of(io), w);

	stats.bytes_read += n;
	return n;
}

/* ---- all of them ---- */

void
client_gate_opened(void *arg)
{
	struct client *c;

	(void)arg;
	LIST_FOREACH(c, &clients, link)
	{
		if (c->gated && !draining) {
			c->gated = 0;
			io_resume(&c->io);
		}
	}
}

/* Who was stalled may find room now. Returns 1 when anybody does. */
static int
client_resume_all(void)
{
	struct client *c;
	int any = 0;

	LIST_FOREACH(c, &clients, link)
	{
		if (client_may_go_on(c) || (c->stalled && !draining && c->begun)) {
			c->stalled = 0;
			io_resume(&c->io);
			any = 1;
		}
	}
	return any;
}

/* The one that makes us keep most answers that it does not read gives way. Returns 0: nobody. */
static int
client_close_reader(void)
{
	static int told;
	struct client *c, *worst = NULL;
	size_t most = 0, sum = 0;

	LIST_FOREACH(c, &clients, link)
	{
		size_t n =
		    c->io.blocked ? c->io.out.len + req_queue_bytes(&c->queue) - c->queue.bytes : 0;
		sum += n;
		if (n > most) {
			most = n;
			worst = c;
		}
	}
	if (worst == NULL || !budget_would_do(sum))
		return 0;
	if (!told)
		log_warnx("too much is buffered (--max-memory %llu): clients that do not read "
			  "their answers are closed",
			  (unsigned long long)conf->max_memory);
	told = 1;
	stats.clients_slow++;
	client_close(worst);
	return 1;
}

/* Who has begun a value of some size, does not go on, and is not kept from it. */
static void
client_close_senders(void)
{
	static int told;
	struct client *c, *next;

	for (c = LIST_FIRST(&clients); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (!c->partial || c->begun <= BUDGET_FIRST)
			continue;
		if (!told)
			log_warnx("too much is buffered (--max-memory %llu): clients that do not "
				  "end the value that they have begun to send are closed",
				  (unsigned long long)conf->max_memory);
		told = 1;
		stats.clients_slow++;
		client_close(c);
	}
	budget_waits_on(timer_now_ms);
}

int
client_turn(void)
{
	size_t commands = req_bytes();
	int go_on = budget_look(commands, timer_now_ms);
	enum budget_blame blame;

	while ((blame = budget_blame(timer_now_ms)) != BUDGET_NOBODY) {
		if (blame == BUDGET_SENDERS) {
			client_close_senders();
		} else if (!client_close_reader()) {
			go_on |= budget_blames_nobody(timer_now_ms);
			break;
		}
		go_on |= budget_look(commands, timer_now_ms);
	}
	client_io_ops.read_max = budget_is_tight() ? FRUGAL_READ : 0;
	return go_on ? client_resume_all() : 0;
}

void
client_drain(void)
{
	struct client *c;

	draining = 1;
	LIST_FOREACH(c, &clients, link)
	io_pause(&c->io);
}

int
client_owed(void)
{
	struct client *c;

	LIST_FOREACH(c, &clients, link)
	if (c->queue.n > 0 || !buf_empty(io_out(&c->io)))
		return 1;
	return 0;
}

void
client_close_all(void)
{
	struct client *c;

	while ((c = LIST_FIRST(&clients)) != NULL)
		client_close(c);
}
