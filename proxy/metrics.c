/* metrics: what there is to see, by HTTP. See metrics.h. */
#include "metrics.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "log.h"
#include "options.h"
#include "prom.h"
#include "sock.h"
#include "status.h"
#include "timer.h"

/* Connections at a time. As many are accepted in one tick at most: room is only made by a tick. */
#define CONNS_MAX 16
#define BACKLOG	  16
#define TICK_MS	  100
/* From accepting to the last byte of the answer; a byte now and then does not make it longer. */
#define LIFE_MS 3000
/* Bytes of a request. */
#define HEADERS_MAX 4096
#define BODY_MAX    1024
/* A port that is taken, or descriptors that are short, are looked at again after so long. */
#define AGAIN_MS 1000

#define ALL_METHODS                                                                                \
	(EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | \
	 EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH)

static const struct conf *conf;
static struct farm *farm;
static struct addr addr;
static int sock = -1;
static struct event_base *event_base;
static struct evhttp *http;
static struct evconnlistener *listener;
static struct timer tick, again;

/*
 * evhttp tells nobody that a connection is gone. We keep a reference on its bufferevent: when evhttp
 * has freed it, it has no callback any more (bufferevent_free()).
 *
 * A listener that is disabled while it accepts goes on through its backlog in some releases of libevent.
 */
static struct {
	struct bufferevent *bev;
	uint64_t since_ms;
} conns[CONNS_MAX + 2 * BACKLOG];
static unsigned n_conns;

_Static_assert(sizeof(conns) / sizeof(conns[0]) < OPTIONS_METRICS_FILES, "a descriptor each");

/* ---- answers ---- */

static void
respond(struct evhttp_request *req, int code, const char *reason, const char *type,
	const char *text, size_t len)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *body = NULL;
	char length[24];

	snprintf(length, sizeof(length), "%zu", len);
	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Content-Length", length);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "Connection", "close");
	if (evhttp_request_get_command(req) != EVHTTP_REQ_HEAD) {
		body = evbuffer_new();
		if (body == NULL || evbuffer_add(body, text, len) == -1)
			fatalx("out of memory: an answer of %zu bytes", len);
	}
	evhttp_send_reply(req, code, reason, body);
	if (body != NULL)
		evbuffer_free(body);
}

static void
respond_line(struct evhttp_request *req, int code, const char *reason, const char *line)
{
	respond(req, code, reason, "text/plain; charset=utf-8", line, strlen(line));
}

static void
respond_written(struct evhttp_request *req, const char *type,
		void (*write_to)(FILE *, struct farm *, const struct conf *))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		fatal("out of memory: an answer");
	write_to(out, farm, conf);
	if (fclose(out) != 0)
		fatal("out of memory: an answer");
	respond(req, HTTP_OK, "OK", type, text, len);
	free(text);
}

static void
respond_health(struct evhttp_request *req)
{
	char line[64];
	unsigned usable = 0;

	for (unsigned i = 0; i < farm->n; i++)
		usable += server_usable(&farm->servers[i]) != 0;
	snprintf(line, sizeof(line), "%u of %u servers usable\n", usable, farm->n);
	if (usable > 0)
		respond_line(req, HTTP_OK, "OK", line);
	else
		respond_line(req, HTTP_SERVUNAVAIL, "Service Unavailable", line);
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	enum evhttp_cmd_type method = evhttp_request_get_command(req);

	(void)arg;
	timer_refresh();
	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", "GET, HEAD");
		respond_line(req, HTTP_BADMETHOD, "Method Not Allowed", "only GET and HEAD\n");
	} else if (path != NULL && strcmp(path, "/metrics") == 0) {
		respond_written(req, PROM_TYPE, prom_write);
	} else if (path != NULL && strcmp(path, "/status") == 0) {
		respond_written(req, "application/json", status_write);
	} else if (path != NULL && strcmp(path, "/healthz") == 0) {
		respond_health(req);
	} else {
		respond_line(req, HTTP_NOTFOUND, "Not Found",
			     "there are /metrics, /status and /healthz\n");
	}
}

/* ---- connections ---- */

static int
conn_is_gone(struct bufferevent *bev)
{
	bufferevent_event_cb cb = NULL;

	bufferevent_getcb(bev, NULL, NULL, &cb, NULL);
	return cb == NULL;
}

static void
on_tick(struct timer *t, void *arg)
{
	unsigned left = 0;

	(void)arg;
	for (unsigned i = 0; i < n_conns; i++) {
		if (conn_is_gone(conns[i].bev)) {
			bufferevent_decref(conns[i].bev);
			continue;
		}
		/* evhttp hears the end of the stream, or cannot write, and frees it. */
		if (timer_now_ms - conns[i].since_ms >= LIFE_MS)
			shutdown(bufferevent_getfd(conns[i].bev), SHUT_RDWR);
		conns[left++] = conns[i];
	}
	n_conns = left;
	if (n_conns < CONNS_MAX)
		evconnlistener_enable(listener);
	if (n_conns > 0)
		timer_set(t, TICK_MS);
}

/* evhttp makes a connection. */
static struct bufferevent *
on_conn(struct event_base *base, void *arg)
{
	/*
	 * The descriptor lives as long as our reference: evhttp would close it before, while the base still
	 * has its events, and a client that got the same number would never be heard.
	 */
	struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	(void)arg;
	timer_refresh();
	if (bev == NULL)
		fatalx("out of memory: a connection for metrics");
	if (n_conns < sizeof(conns) / sizeof(conns[0])) {
		bufferevent_incref(bev);
		conns[n_conns].bev = bev;
		conns[n_conns++].since_ms = timer_now_ms;
	}
	if (n_conns >= CONNS_MAX)
		evconnlistener_disable(listener);
	if (!tick.armed)
		timer_set(&tick, TICK_MS);
	return bev;
}

/* No descriptor left, say: those of the clients come first. */
static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	(void)arg;
	evconnlistener_disable(l);
	timer_set(&again, AGAIN_MS);
}

/* ---- the port ---- */

static void
serve(void)
{
	struct evhttp_bound_socket *bound;

	http = evhttp_new(event_base);
	listener = evconnlistener_new(event_base, NULL, NULL,
				      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, sock);
	if (http == NULL || listener == NULL)
		fatalx("cannot serve metrics on %s", addr.text);
	evhttp_set_bevcb(http, on_conn, NULL);
	evhttp_set_gencb(http, on_request, NULL);
	evhttp_set_allowed_methods(http, ALL_METHODS);
	evhttp_set_max_headers_size(http, HEADERS_MAX);
	evhttp_set_max_body_size(http, BODY_MAX);
	evhttp_set_timeout(http, LIFE_MS / 1000);
	bound = evhttp_bind_listener(http, listener);
	if (bound == NULL)
		fatalx("cannot serve metrics on %s", addr.text);
	evconnlistener_set_error_cb(listener, on_accept_error);
	log_info("metrics: http://%s/metrics", addr.text);
}

static void
on_again(struct timer *t, void *arg)
{
	(void)arg;
	if (listener != NULL) {
		if (n_conns < CONNS_MAX)
			evconnlistener_enable(listener);
		return;
	}
	sock = sock_listen(&addr, BACKLOG);
	if (sock != -1)
		serve();
	else
		timer_set(t, AGAIN_MS);
}

void
metrics_open(const struct conf *c, struct farm *f)
{
	const char *why;

	conf = c;
	farm = f;
	if (conf->metrics == NULL || addr_parse_local(&addr, conf->metrics, &why) == -1)
		return; /* options_read() would have refused it */
	sock = sock_listen(&addr, BACKLOG);
	if (sock == -1)
		log_warnx("metrics: cannot listen on %s: %s; serving without them, trying again "
			  "every second",
			  addr.text, strerror(errno));
}

void
metrics_start(struct event_base *base)
{
	if (conf->metrics == NULL)
		return;
	event_base = base;
	timer_setup(&tick, on_tick, NULL);
	timer_setup(&again, on_again, NULL);
	if (sock != -1)
		serve();
	else
		timer_set(&again, AGAIN_MS);
}

void
metrics_close(void)
{
	if (event_base == NULL)
		return;
	timer_stop(&tick);
	timer_stop(&again);
	if (http != NULL)
		evhttp_free(http); /* the listener and the connections with it */
	http = NULL;
	listener = NULL;
	for (unsigned i = 0; i < n_conns; i++)
		bufferevent_decref(conns[i].bev);
	n_conns = 0;
	event_base = NULL;
}
