/* options: the configuration as memvip-proxy takes it. See options.h. */
#include "options.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "addr.h"
#include "budget.h"
#include "log.h"
#include "marker.h"

/* Descriptors beside those of clients and servers: sockets, epoll, log, a few to spare. */
#define OTHER_FILES (64 + OPTIONS_METRICS_FILES)

static int
options_refuse(struct conf *c, const char *why)
{
	snprintf(c->err, sizeof(c->err), "%s", why);
	return -1;
}

/* Is --metrics the port of the clients? */
static int
options_metrics_clash(const struct conf *c)
{
	const char *why;
	struct addr metrics, clients;
	char ip[ADDR_TEXT_MAX];

	if (c->metrics == NULL || addr_parse_local(&metrics, c->metrics, &why) == -1 ||
	    c->port != addr_port(&metrics))
		return 0;
	addr_ip(&metrics, ip, sizeof(ip));
	return c->listen == NULL || strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0 ||
	       (addr_parse(&clients, c->listen, (uint16_t)c->port, ADDR_NUMERIC, &why) == 0 &&
		addr_equal(&clients, &metrics));
}

int
options_read(struct conf *c, const char *file, int argc, char **argv)
{
	int first;

	conf_init(c);
	first = conf_args(c, CONF_PROXY, argc, argv);
	if (first < argc || c->help || c->version)
		return first; /* a mistake: -1 */
	if (c->file != NULL && conf_file(c, CONF_PROXY, file != NULL ? file : c->file) == -1)
		return -1;
	if (c->ack != NULL && strcmp(c->ack, "both") != 0 && strcmp(c->ack, "leader") != 0)
		return options_refuse(c, "ack: neither both nor leader");
	if (c->max_value > c->max_memory / BUDGET_VALUES)
		return options_refuse(c, "max-value: more than an eighth of max-memory");
	if (c->name != NULL && strlen(c->name) >= MARKER_NAME_MAX)
		return options_refuse(c, "name: longer than 127 bytes");
	if (options_metrics_clash(c))
		return options_refuse(c, "metrics: clients are served on this port");
	return first;
}

uint64_t
options_raise_files(const struct conf *c, unsigned n_servers)
{
	struct rlimit rl;
	rlim_t servers = (rlim_t)c->connections * n_servers;
	rlim_t need = (rlim_t)c->max_conns + servers + OTHER_FILES;
	uint64_t clients;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur >= need)
		return c->max_conns;
	rl.rlim_cur = need;
	if (rl.rlim_max < need)
		rl.rlim_max = need;
	if (setrlimit(RLIMIT_NOFILE, &rl) == 0)
		return c->max_conns;
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	clients = rl.rlim_max > OTHER_FILES + servers ? rl.rlim_max - OTHER_FILES - servers : 1;
	if (clients >= c->max_conns)
		return c->max_conns;
	log_warnx("the limit on open files is %llu: at most %llu clients",
		  (unsigned long long)rl.rlim_max, (unsigned long long)clients);
	return clients;
}
