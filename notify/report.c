/* report: how one custody stands. See report.h. */
#include "report.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "holder.h"
#include "keeper.h"
#include "mono.h"
#include "proc.h"
#include "rundir.h"

#define ASK_MS	  500
#define SAMPLE_MS 200 /* between two looks at how far a filling is */

static int
fills(const struct server *s)
{
	return s->fill_total > 0 && s->fill_done < s->fill_total;
}

/* How long will it take? From two answers, SAMPLE_MS apart. */
static void
estimate(struct report *r, uint64_t first_ms)
{
	struct server again[SERVERS_MAX];
	char err[sizeof(r->why)];
	uint64_t took_ms;
	int n;

	poll(NULL, 0, SAMPLE_MS);
	n = servers_ask(&r->site->vip, again, SERVERS_MAX, ASK_MS, err, sizeof(err));
	took_ms = mono_ms() - first_ms;
	for (int i = 0; i < n && i < r->servers_n; i++) {
		const struct server *was = &r->servers[i], *is = &again[i];

		if (strcmp(was->name, is->name) != 0 || is->fill_done <= was->fill_done ||
		    is->fill_total < is->fill_done)
			continue;
		r->fill_left_s[i] = (unsigned)((is->fill_total - is->fill_done) * took_ms /
					       (is->fill_done - was->fill_done) / 1000);
	}
}

static void
ask_proxy(struct report *r, char *err, size_t err_size)
{
	uint64_t first_ms;
	int filling = 0;

	r->servers_n = servers_ask(&r->site->vip, r->servers, SERVERS_MAX, ASK_MS, err, err_size);
	first_ms = mono_ms();
	for (int i = 0; i < r->servers_n; i++) {
		r->fill_left_s[i] = UINT32_MAX;
		filling |= fills(&r->servers[i]);
	}
	if (filling)
		estimate(r, first_ms);
}

/* The first thing that is wrong where the VIP is. Returns 1 when nothing is. */
static int
judge_with_vip(struct report *r)
{
	char err[sizeof(r->why)];

	if (strcmp(r->st.phase, "serving") != 0 || !r->proxy_alive) {
		snprintf(r->why, sizeof(r->why), "the VIP is here, but no proxy serves%s%s",
			 r->st.note[0] != '\0' ? ": " : "", r->st.note);
		return 0;
	}
	ask_proxy(r, err, sizeof(err));
	if (r->servers_n == -1) {
		memcpy(r->why, err, sizeof(r->why));
		return 0;
	}
	if (r->st.note[0] != '\0') {
		snprintf(r->why, sizeof(r->why), "the proxy keeps failing: %s", r->st.note);
		return 0;
	}
	for (int i = 0; i < r->servers_n; i++) {
		if (strcmp(r->servers[i].state, "current") == 0)
			continue;
		snprintf(r->why, sizeof(r->why), "server %s is %s", r->servers[i].name,
			 r->servers[i].state[0] != '\0' ? r->servers[i].state : "not described");
		return 0;
	}
	return 1;
}

static int
judge_without_vip(struct report *r)
{
	struct holder h;

	if (holder_find(&r->site->vip, &h) == 1 && !h.wild) {
		if (holder_name(&h))
			snprintf(r->why, sizeof(r->why),
				 "the VIP is not here, but %s is held by %.64s[%d]",
				 r->site->vip.text, h.comm, (int)h.pid);
		else
			snprintf(r->why, sizeof(r->why),
				 "the VIP is not here, but %s is held by a process of uid %u",
				 r->site->vip.text, h.uid);
		return 0;
	}
	if (r->st.word.state == WORD_FAULT) {
		snprintf(r->why, sizeof(r->why), "keepalived says FAULT%s%s",
			 r->st.note[0] != '\0' ? "; when the VIP was here: " : "", r->st.note);
		return 0;
	}
	if (r->st.note[0] != '\0') {
		snprintf(r->why, sizeof(r->why), "when the VIP was here: %s", r->st.note);
		return 0;
	}
	return 1;
}

static int
judge(struct report *r)
{
	const char *why = NULL;

	if (r->vip == VIP_UNKNOWN)
		why = "the kernel does not say whether the VIP is here";
	else if (strcmp(r->st.phase, STATE_STOPPED) == 0)
		why = "stopped by hand: memvip-notify sync starts it again";
	else if (r->keepalived.pid == 0)
		why = r->vip == VIP_HERE ? "no keepalived runs here, but the VIP is here"
					 : "no keepalived runs here";
	else if (r->custodian_frozen)
		why = "the custodian is frozen: memvip-notify sync replaces it";
	else if (!r->custodian_alive && r->vip == VIP_ABSENT && r->st.word.state == WORD_DELETED)
		return judge_without_vip(r);
	else if (!r->custodian_alive)
		why = r->st.phase[0] == '\0'
			  ? "no hook has run since the boot: memvip-notify sync starts it"
			  : "no custodian lives: memvip-notify sync starts it";
	if (why != NULL) {
		snprintf(r->why, sizeof(r->why), "%s", why);
		return 0;
	}
	return r->vip == VIP_HERE ? judge_with_vip(r) : judge_without_vip(r);
}

void
report_make(struct report *r, const struct site *site)
{
	char err[SITE_ERR_MAX];
	struct vip_place place;
	struct proc_info p;
	int dir = rundir_open(site->run_dir, 0, err, sizeof(err));

	memset(r, 0, sizeof(*r));
	r->site = site;
	r->servers_n = -1;
	if (dir != -1) {
		(void)state_read(dir, site->key, &r->st);
		close(dir);
	}
	r->vip = vip_query(&site->vip, &place, VIP_QUERY_MS);
	if (r->vip == VIP_HERE)
		(void)if_indextoname(place.ifindex, r->interface);
	r->keepalived = r->st.keepalived;
	if (!ident_alive(&r->keepalived))
		(void)keeper_any(&r->keepalived);
	r->custodian_alive = ident_alive(&r->st.custodian);
	r->custodian_frozen =
	    r->custodian_alive && proc_read(r->st.custodian.pid, &p) == 0 && p.state == 'T';
	r->proxy_alive = ident_alive(&r->st.proxy);
	r->well = judge(r);
}

void
report_name(const struct report *r, char *buf, size_t size)
{
	const char *slash;
	size_t n;

	if (r->st.word.state != WORD_NONE) {
		snprintf(buf, size, "%s", r->st.word.name);
		return;
	}
	slash = strrchr(r->site->conf, '/');
	snprintf(buf, size, "%s", slash != NULL ? slash + 1 : r->site->conf);
	n = strlen(buf);
	if (n > 5 && strcmp(buf + n - 5, ".conf") == 0)
		buf[n - 5] = '\0';
}
